#!/usr/bin/env node
import nodeModule from 'node:module';
import process from 'node:process';
import { withoutSecrets } from '../secrets.ts';
import { asksForJson, computes, failureLine, runThaw } from './run.ts';
import { printable } from './terminal/printable.ts';

// From Node 22, caches the compiled code of all later imports.
(nodeModule as { enableCompileCache?(): unknown }).enableCompileCache?.();

const args = process.argv.slice(2);
// The bundle has few files, so stack traces need its source maps.
if (args.includes('--debug')) process.setSourceMapsEnabled(true);

// If the reader closes the pipe (`thaw predict … | head`), the current job stops and saves.
let unread = false;
const stopUnread = () => {
  if (unread) return;
  unread = true;
  void import('./interrupt.ts').then(({ askToStop, STOP_SIGNALS }) => {
    const isBusy = STOP_SIGNALS.some((name) => process.listenerCount(name) > 0);
    if (isBusy) askToStop('SIGTERM');
    else process.exit();
  });
};
const isUnread = () => unread;
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.syscall !== 'write') throw error;
    // For example, a log on a full disk.
    if (error.code !== 'EPIPE' && !unread && stream === process.stdout)
      process.stderr.write(`thaw: cannot write output (${error.message}); stopping\n`);
    stopUnread();
  });
}

const { stdout, stderr, env } = process;
if (!computes(args)) process.exitCode = await runThaw(args, { stdout, stderr, env, isUnread });
else {
  const { setUpChild, runInChild, isChild } = await import('./child.ts');
  if (isChild()) {
    process.exitCode = await runThaw(args, { stdout, env, isUnread, stderr: setUpChild(stopUnread) });
  } else {
    const exit = await runInChild(args);
    const { explainProcessEnd, wasKilled } = await import('./process-end.ts');
    if (wasKilled(exit)) {
      const { line, code } = await explainProcessEnd(exit);
      const message = withoutSecrets(line);
      stderr.write(`thaw: ${printable(message)}\n`);
      if (asksForJson(args)) stdout.write(failureLine({ code: code === 130 ? 'stopped' : 'ended', message }));
      process.exitCode = code;
    } else process.exitCode = exit.code ?? 1;
  }
}
