/** Maximum lengths of MLflow's parameters. */
const MOST_KEY = 250;
const MOST_VALUE = 6000;
/** Names that MLflow accepts. */
const NAME = /^[\w\-. /]+$/;

export interface Parameter {
  readonly key: string;
  readonly value: string;
}

/**
 * Settings as MLflow's parameters: nested ones with dots, as `optimizer.name`; lists, and settings by class name, as JSON. A value that is too
 * long ends with an ellipsis.
 */
export function configParameters(config: Readonly<Record<string, unknown>>, prefix = ''): Parameter[] {
  return Object.entries(config).flatMap(([name, value]) => {
    const key = prefix + name;
    if (value === undefined) return [];
    if (isNested(value)) return configParameters(value, `${key}.`);
    return [{ key, value: shortened(typeof value === 'string' ? value : JSON.stringify(value)) }];
  });
}

const isNested = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  Object.keys(value).length > 0 &&
  Object.keys(value).every((key) => NAME.test(key) && key.length <= MOST_KEY / 4);

const shortened = (value: string): string => (value.length > MOST_VALUE ? `${value.slice(0, MOST_VALUE - 1)}…` : value);
