#!/usr/bin/env node
import nodeModule from 'node:module';
import process from 'node:process';
import { withoutSecrets } from '../secrets.ts';
import { computes, runThaw } from './run.ts';
import { printable } from './terminal/printable.ts';

// Node 22 and later keep what they have compiled of what is loaded from here on for the next time.
(nodeModule as { enableCompileCache?(): unknown }).enableCompileCache?.();

const words = process.argv.slice(2);
// What is loaded from here on is in few files, whose lines say little.
if (words.includes('--debug')) process.setSourceMapsEnabled(true);

// Whoever reads our output may stop reading (`thaw predict … | head`): then what is under way is stopped and saved.
let unread = false;
const stopUnread = () => {
  if (!unread) void import('./interrupt.ts').then(({ askToStop }) => askToStop('SIGTERM'));
  unread = true;
};
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.syscall !== 'write') throw error;
    // Such as a log on a disk that is full.
    if (error.code !== 'EPIPE' && !unread && stream === process.stdout)
      process.stderr.write(`thaw: what it prints cannot be written (${error.message}): stopping\n`);
    stopUnread();
  });
}

if (!computes(words)) process.exitCode = await runThaw(words, process);
else {
  const { beginChild, inChild, isChild } = await import('./child.ts');
  if (isChild()) {
    const { stdout, env } = process;
    process.exitCode = await runThaw(words, { stdout, env, stderr: beginChild(stopUnread) });
  } else {
    const ended = await inChild(words);
    const { explainProcessEnd, wasEnded } = await import('./process-end.ts');
    if (wasEnded(ended)) {
      const { line, code } = await explainProcessEnd(ended);
      process.stderr.write(`thaw: ${printable(withoutSecrets(line))}\n`);
      process.exitCode = code;
    } else process.exitCode = ended.code ?? 1;
  }
}
