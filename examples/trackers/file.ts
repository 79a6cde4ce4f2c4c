// Writes runs as lines of JSON into one file.  thaw.config.ts:  export default { sinks: [file('runs.jsonl')] }
import { appendFile } from 'node:fs/promises';
import type { TrackerSink } from 'thaw';

export function file(path: string): TrackerSink {
  let run = '';
  const write = (...entries: object[]) =>
    appendFile(path, entries.map((entry) => `${JSON.stringify({ run, ...entry })}\n`).join(''));
  return {
    name: `the file ${path}`,
    async start({ name, config }) {
      run = name;
      await write({ config });
      return name;
    },
    metrics: (rows) => write(...rows),
    end: (status) => write({ status }),
  };
}
