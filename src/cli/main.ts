#!/usr/bin/env node
import process from 'node:process';
import { runThaw } from './run.ts';

// Whoever reads our output may stop reading: `thaw predict … | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

process.exitCode = await runThaw(process.argv.slice(2), process);
