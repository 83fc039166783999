// Small choices that this browser keeps: theme, language, the last model. Where storage is shut off they last as long as the page.
const PREFIX = "funland.";

export function kept(name) {
  try {
    return localStorage.getItem(PREFIX + name);
  } catch {
    return null;
  }
}

export function keep(name, value) {
  try {
    if (value === null) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, value);
  } catch {
    // Nothing is kept then.
  }
}
