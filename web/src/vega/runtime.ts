/**
 * Vega, in a file of its own that is fetched where a page has such a plot. Its expressions are interpreted, since the
 * server's content policy forbids making code of text, and it may fetch nothing.
 */
import { Error as ErrorLevel, loader, logger, None, parse, type Spec, View } from "vega";
import { expressionInterpreter } from "vega-interpreter";
import { compile, type TopLevelSpec } from "vega-lite";
import { tooltip } from "./tooltip";
import type { Drawing, DrawOptions } from "./spec";

/** Draws a specification of Vega-Lite, or of Vega itself, into an element. */
export async function draw(element: HTMLElement, specification: object, options: DrawOptions): Promise<Drawing> {
  const isVega = /\/vega\/v\d/.test(String((specification as { $schema?: unknown }).$schema ?? ""));
  const sized = { ...specification, ...options.size };
  const spec = isVega ? (sized as Spec) : compile(sized as TopLevelSpec, { config: options.config, logger: quiet }).spec;
  const view = new View(parse(spec, isVega ? (options.config as never) : undefined, { ast: true }), {
    expr: expressionInterpreter,
    renderer: options.renderer,
    container: element,
    hover: true,
    loader: closed(),
    logLevel: ErrorLevel,
  });
  view.tooltip(tooltip(element));
  view.addEventListener("click", (_event, item) => {
    const datum: unknown = item?.datum;
    if (typeof datum === "object" && datum !== null) options.onPick?.(datum as Record<string, unknown>);
  });
  await view.runAsync();
  return {
    resize: (width) => {
      view.width(width);
      void view.runAsync();
    },
    close: () => view.finalize(),
  };
}

/** What Vega-Lite would say of a specification's smaller faults is of no use to who looks at the plot. */
const quiet = logger(None);

function closed(): ReturnType<typeof loader> {
  const refuse = (address: string) => Promise.reject(new Error(`A plot may not fetch ${address}.`));
  return { ...loader(), load: refuse, sanitize: refuse, http: refuse, file: refuse };
}
