// A tracker whose client is a Python package: calls functions of a script, one line of JSON each, and waits for its answer.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { TrackerSink } from 'thaw';

/** Output of the packages goes to stderr, so that stdout has only answers. */
const LOOP = `
import json, os, sys
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
for line in sys.stdin:
    name, value = json.loads(line)
    try: answer = [None, globals()[name](value)]
    except Exception as problem: answer = [f"{type(problem).__name__}: {problem}", None]
    print(json.dumps(answer), file=answers, flush=True)
`;

/** @param script defines start(run), which returns the tracker's id of the run, metrics(rows), artifacts(files) and end(status) */
export function python(name: string, script: string): TrackerSink {
  let child: ChildProcess | undefined;
  let answers: AsyncIterator<string>;
  async function call<R>(method: string, value: unknown): Promise<R> {
    // The script keeps Thaw from ending only while it works.
    const pipe = child!.stdout as Socket;
    pipe.ref();
    child!.stdin!.write(`${JSON.stringify([method, value])}\n`);
    const { value: line, done } = await answers.next();
    pipe.unref();
    const [error, result] = done ? ['Python has ended'] : JSON.parse(line);
    if (error) throw new Error(error);
    return result;
  }
  return {
    name,
    async start(run) {
      child?.kill();
      child = spawn(process.env.PYTHON ?? 'python3', ['-c', script + LOOP], { stdio: ['pipe', 'pipe', 'inherit'] });
      await once(child, 'spawn');
      child.unref();
      answers = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
      return call<string>('start', run);
    },
    metrics: (rows) => call('metrics', rows),
    artifacts: (files) => call('artifacts', files),
    async end(status) {
      await call('end', status);
      child!.stdin!.end();
    },
  };
}
