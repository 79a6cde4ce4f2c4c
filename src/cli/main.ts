#!/usr/bin/env node
import nodeModule from 'node:module';
import process from 'node:process';
import { withoutSecrets } from '../secrets.ts';
import { computes, runThaw } from './run.ts';
import { printable } from './terminal/printable.ts';

// From Node 22, caches the compiled code of all later imports.
(nodeModule as { enableCompileCache?(): unknown }).enableCompileCache?.();

const args = process.argv.slice(2);
// The bundle has few files, so stack traces need its source maps.
if (args.includes('--debug')) process.setSourceMapsEnabled(true);

// If the reader closes the pipe (`thaw predict … | head`), the current job stops and saves.
let unread = false;
const stopUnread = () => {
  if (!unread) void import('./interrupt.ts').then(({ askToStop }) => askToStop('SIGTERM'));
  unread = true;
};
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.syscall !== 'write') throw error;
    // For example, a log on a full disk.
    if (error.code !== 'EPIPE' && !unread && stream === process.stdout)
      process.stderr.write(`thaw: cannot write output (${error.message}); stopping\n`);
    stopUnread();
  });
}

if (!computes(args)) process.exitCode = await runThaw(args, process);
else {
  const { setUpChild, runInChild, isChild } = await import('./child.ts');
  if (isChild()) {
    const { stdout, env } = process;
    process.exitCode = await runThaw(args, { stdout, env, stderr: setUpChild(stopUnread) });
  } else {
    const exit = await runInChild(args);
    const { explainProcessEnd, wasKilled } = await import('./process-end.ts');
    if (wasKilled(exit)) {
      const { line, code } = await explainProcessEnd(exit);
      process.stderr.write(`thaw: ${printable(withoutSecrets(line))}\n`);
      process.exitCode = code;
    } else process.exitCode = exit.code ?? 1;
  }
}
