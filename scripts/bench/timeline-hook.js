// Loaded into `thaw` by timeline.ts: writes a line for each event, each session that ONNX Runtime loads, and each of its runs.
import { openSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import process from 'node:process';

// The first process only waits for the second one.
if (process.env.THAW_CHILD !== undefined && process.env.TIMELINE) watch(openSync(process.env.TIMELINE, 'a'));

function watch(file) {
  const note = (line) => {
    const { user, system } = process.cpuUsage();
    const at = performance.timeOrigin + performance.now();
    writeSync(file, `${JSON.stringify({ at, cpu: (user + system) / 1000, ...line })}\n`);
  };
  note({ what: 'start' });
  process.on('exit', () => note({ what: 'exit' }));

  const write = process.stdout.write.bind(process.stdout);
  process.stdout.write = (...args) => {
    for (const line of String(args[0]).split('\n').filter(Boolean)) {
      const { type, phase, epoch } = JSON.parse(line);
      if (type !== 'step') note({ what: 'event', name: [type, phase, epoch].filter(Boolean).join(' ') });
    }
    return write(...args);
  };

  const { InferenceSession } = createRequire(process.argv[1])('onnxruntime-node');
  const create = InferenceSession.create.bind(InferenceSession);
  InferenceSession.create = async (...args) => {
    const session = await timed('load', () => create(...args));
    const run = session.run.bind(session);
    session.run = (...given) => timed('run', () => run(...given));
    return session;
  };

  async function timed(what, work) {
    const began = performance.now();
    const result = await work();
    note({ what, ms: performance.now() - began });
    return result;
  }
}
