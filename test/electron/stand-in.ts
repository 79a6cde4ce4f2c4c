/**
 * Replaces the parts of Electron that `src/electron` uses, if its binary is missing. This thread is both the main
 * process and the page, message ports are Node's, and the utility process is a Node process. Tests import this module
 * instead of `electron`.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { fileURLToPath } from 'node:url';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { Wire } from './utility.ts';

/** All utility processes of a test, to inspect or kill them. */
export const processes: UtilityProcess[] = [];

class UtilityProcess extends EventEmitter {
  readonly child: ChildProcess;
  private readonly ports: MessagePort[] = [];
  private readonly early: Wire[] = [];
  private ready = false;

  constructor(script: string) {
    super();
    this.child = fork(fileURLToPath(new URL('utility.ts', import.meta.url)), [script], {
      execArgv: ['--import', 'tsx'],
      // Structured clones of the types that V8 supports: no Blobs, as in Electron.
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    });
    this.child.on('message', (wire: Wire) => {
      if ('port' in wire) this.ports[wire.port].postMessage(wire.data);
      else if ('message' in wire && wire.message === 'ready') {
        this.ready = true;
        for (const waiting of this.early) this.deliver(waiting);
      } else if ('message' in wire) this.emit('message', wire.message);
    });
    this.child.on('exit', (code) => {
      for (const port of this.ports) port.close();
      this.emit('exit', code);
    });
    processes.push(this);
  }

  postMessage(message: unknown, ports: readonly MessagePort[] = []): void {
    const numbers = ports.map((port) => this.ports.push(port) - 1);
    this.send({ message, ports: numbers });
    for (const [i, port] of ports.entries()) {
      port.on('message', (data) => this.send({ port: numbers[i], data }));
      port.on('close', () => this.send({ closed: numbers[i] }));
    }
  }

  kill(): boolean {
    return this.child.kill();
  }

  private send(wire: Wire): void {
    if (!this.ready) this.early.push(wire);
    else this.deliver(wire);
  }

  /**
   * As in Electron, messages to a process that has ended are lost silently. The pipe can break before Node reports the
   * end.
   */
  private deliver(wire: Wire): void {
    if (this.child.connected) this.child.send(wire, () => {});
  }
}

export const utilityProcess = { fork: (script: string) => new UtilityProcess(script) };
export const MessageChannelMain = MessageChannel;

/** The paths that the user picks, dialog after dialog. */
export const picks: string[][] = [];
export const dialog = {
  async showOpenDialog() {
    const filePaths = picks.shift() ?? [];
    return { canceled: !filePaths.length, filePaths };
  },
};

type Handler = (event: object, ...parameters: unknown[]) => unknown;
const handlers = new Map<string, Handler>();

/** The frame that sends the request. Tests of permissions replace it. */
export const frame = { parent: null as object | null, origin: 'app://studio' };

/** Electron's API for preload scripts. Messages are cloned, as between processes. */
export const ipcRenderer = Object.assign(new EventEmitter(), {
  async invoke(channel: string, ...parameters: unknown[]): Promise<unknown> {
    const handler = handlers.get(channel);
    if (!handler) throw new Error(`No handler registered for '${channel}'`);
    return structuredClone(await handler({ senderFrame: frame }, ...structuredClone(parameters)));
  },
});

export const contextBridge = {
  exposeInMainWorld(name: string, given: object): void {
    Object.defineProperty(globalThis, name, { value: given, configurable: true });
  },
};

/** The main process's window. */
export class BrowserWindow extends EventEmitter {
  readonly webContents = {
    ipc: {
      handle: (channel: string, handler: Handler) => void handlers.set(channel, handler),
      removeHandler: (channel: string) => void handlers.delete(channel),
    },
    postMessage(channel: string, message: unknown, ports: readonly MessagePort[]) {
      ipcRenderer.emit(channel, { ports }, structuredClone(message));
    },
  };
}

/** The page's window. */
export class PageWindow extends EventTarget {
  postMessage(data: unknown, _origin: string, ports: readonly MessagePort[]): void {
    const message = Object.assign(new Event('message'), { data: structuredClone(data), ports, source: this });
    // Always after the call returns, as in a page.
    setTimeout(() => this.dispatchEvent(message));
  }
}
