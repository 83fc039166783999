/** The contract's `google.api.http` annotations as routes. */

import { type DescMethod, getOption, hasOption } from "@bufbuild/protobuf";

import { http } from "../gen/google/api/annotations_pb.js";
import type { HttpRule } from "../gen/google/api/http_pb.js";

/** An RPC's place in the REST API. */
export interface Route {
  /** HTTP's method, such as `POST`. */
  readonly httpMethod: string;
  /** Such as `/funland/v1/models/{model_id}:load`; a variable `{name=**}` may have several steps. */
  readonly template: string;
  /** Where the fields go that are not in the path: into the body all, or into the query all but the one that is the body. */
  readonly body: string;
}

const compiled = new WeakMap<DescMethod, Route>();

/** An RPC's annotation; undefined if it has none. */
export function httpRule(method: DescMethod): HttpRule | undefined {
  return hasOption(method, http) ? getOption(method, http) : undefined;
}

/** The route of an RPC. Throws a `TypeError` for one that has none. */
export function routeOf(method: DescMethod): Route {
  let route = compiled.get(method);
  if (!route) {
    route = compile(method);
    compiled.set(method, route);
  }
  return route;
}

function compile(method: DescMethod): Route {
  const rule = httpRule(method);
  const pattern = rule?.pattern;
  if (!rule || !pattern?.case || pattern.case === "custom") {
    throw new TypeError(`${method.parent.typeName}.${method.name} has no route.`);
  }
  return { httpMethod: pattern.case.toUpperCase(), template: pattern.value, body: rule.body };
}
