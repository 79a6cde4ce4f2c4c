/**
 * Replaces Electron's utility process: a Node process whose `process.parentPort` and message ports use its channel to
 * the parent. Its argument is the path of the script to run.
 */
import { EventEmitter } from 'node:events';

/** The messages on the channel. Ports are numbers here. */
export type Wire =
  | { readonly message: unknown; readonly ports: readonly number[] }
  | { readonly port: number; readonly data: unknown }
  | { readonly closed: number };

const send = (wire: Wire) => process.send!(wire);

/** Buffers messages until it is started, as Electron's ports do. */
class PortOfParent extends EventEmitter {
  private waiting: unknown[] | undefined = [];
  constructor(private readonly number: number) {
    super();
  }
  postMessage(data: unknown): void {
    send({ port: this.number, data });
  }
  take(data: unknown): void {
    if (this.waiting) this.waiting.push(data);
    else this.emit('message', { data, ports: [] });
  }
  start(): void {
    const { waiting = [] } = this;
    this.waiting = undefined;
    for (const data of waiting) this.take(data);
  }
  close(): void {}
}

class ParentPort extends EventEmitter {
  postMessage(message: unknown): void {
    send({ message, ports: [] });
  }
}

if (process.send) {
  const parentPort = new ParentPort();
  Object.defineProperty(process, 'parentPort', { value: parentPort });
  const ports = new Map<number, PortOfParent>();
  process.on('message', (wire: Wire) => {
    if ('message' in wire) {
      for (const number of wire.ports) ports.set(number, new PortOfParent(number));
      parentPort.emit('message', { data: wire.message, ports: wire.ports.map((number) => ports.get(number)) });
    } else if ('port' in wire) ports.get(wire.port)!.take(wire.data);
    else ports.get(wire.closed)!.emit('close');
  });
  await import(process.argv[2]);
  send({ message: 'ready', ports: [] });
}
