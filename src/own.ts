/** The value that an object itself has under a name. Models, data and files may give any name, also `constructor` or `toString`. */
export const own = <T>(record: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(record, name) ? record[name] : undefined;
