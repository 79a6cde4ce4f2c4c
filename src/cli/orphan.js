// A thread that ends the process as soon as its parent is gone: a command that was killed has stopped, and its run directory is free. The
// main thread could not: ONNX Runtime holds it for whole steps.
import process from 'node:process';
import { workerData } from 'node:worker_threads';

setInterval(() => {
  if (process.ppid !== workerData) process.kill(process.pid, 'SIGKILL');
}, 50);
