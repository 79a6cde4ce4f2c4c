#!/usr/bin/env node
import process from 'node:process';
import { runThaw } from './run.ts';

// Whoever reads our output may stop reading (`thaw predict … | head`): then what is under way is stopped and saved.
let unread = false;
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    if (!unread) process.kill(process.pid, 'SIGTERM');
    unread = true;
  });
}

process.exitCode = await runThaw(process.argv.slice(2), process);
