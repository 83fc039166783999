// What runs have of their own beside each other. Pure.

/** So many can be told apart in a picture. */
export const MOST = 6;

const LEFT_OUT = new Set(["number", "name", "run_id"]);

/** The settings in which runs differ: `[{name, values}]`, a value for each run, undefined where it is not set. */
export function differences(runs) {
  const rows = runs.map((run) => ({
    model_id: run.model_id,
    dataset_id: `${run.dataset_id} v${run.dataset_version ?? 0}`,
    template_id: run.template_id,
    ...run.hyperparameters,
  }));
  const names = [...new Set(rows.flatMap(Object.keys))].filter((each) => !LEFT_OUT.has(each));
  const told = (value) => (value === null || value === undefined ? undefined : typeof value === "object" ? JSON.stringify(value) : value);
  return names
    .map((name) => ({ name, values: rows.map((each) => told(each[name])) }))
    .filter(({ values }) => values.some((each) => each !== values[0]));
}

/** A name for each run: those that are called alike get their ids. */
export function distinctNames(runs) {
  return runs.map(({ name, run_id: id }) => (runs.filter((each) => each.name === name).length > 1 ? `${name} (${id})` : name));
}
