// A thread that ends the process once its parent is gone, so that a killed command stops and releases its run directory. The main thread
// could not do this, because ONNX Runtime blocks it for whole steps.
import process from 'node:process';
import { workerData } from 'node:worker_threads';

setInterval(() => {
  if (process.ppid !== workerData) process.kill(process.pid, 'SIGKILL');
}, 50);
