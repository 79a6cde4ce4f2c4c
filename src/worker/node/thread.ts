/** The script of a worker thread. Its first message has the options of its platform; then it serves. */
import { parentPort } from 'node:worker_threads';
import { emitterPort } from '../port.ts';
import { serve } from '../server.ts';
import { type NodePlatformOptions, nodePlatform } from './platform.ts';

const port = parentPort!;
port.once('message', (options: NodePlatformOptions) => serve(emitterPort(port), nodePlatform(options)));
