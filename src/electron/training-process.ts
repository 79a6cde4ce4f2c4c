import { fileURLToPath } from 'node:url';
import { MessageChannelMain, type MessagePortMain, type UtilityProcess, utilityProcess } from 'electron';
import { describe, trainingEnded } from '../worker/index.ts';
import type { FromHost, ToHost } from './channels.ts';

const HOST = fileURLToPath(new URL('./host.js', import.meta.url));

export interface TrainingProcessOptions {
  /** Folder that projects are kept in. */
  readonly projects: string;
  /** Paths that the page may name from the start. */
  readonly allowed: readonly string[];
  /** The utility process's script, if a bundler makes it from `thaw/electron/host`. */
  readonly host?: string;
}

/** A utility process that trains for one page. */
export class TrainingProcess {
  /** For the page: the port of the training, and one for the error if the process ends without being asked to. */
  readonly ports: MessagePortMain[];
  private readonly child: UtilityProcess;
  private readonly allowing = new Map<number, () => void>();
  private ended = false;

  constructor({ projects, allowed, host = HOST }: TrainingProcessOptions) {
    const training = new MessageChannelMain();
    const supervision = new MessageChannelMain();
    this.ports = [training.port2, supervision.port2];
    this.child = utilityProcess.fork(host, [], { serviceName: 'Thaw training' });
    let why: string | undefined;
    this.child.on('message', (message: FromHost) => {
      if ('failed' in message) why = message.failed;
      else this.allowing.get(message.allowed)?.();
    });
    this.child.on('error', (type, location) => {
      why = `${type} at ${location}`;
    });
    this.child.on('exit', (code) => {
      if (!this.ended) {
        const reason = why ?? `it exited with code ${code}`;
        supervision.port1.postMessage(describe(trainingEnded('process', reason)));
      }
      this.ended = true;
      for (const go of this.allowing.values()) go();
    });
    this.say({ serve: { projects, allowed } }, [training.port1]);
  }

  /** Lets the page name paths; once it returns, the process knows. */
  allow(paths: readonly string[]): Promise<void> {
    if (this.ended) return Promise.resolve();
    const id = this.allowing.size;
    return new Promise((resolve) => {
      this.allowing.set(id, resolve);
      this.say({ allow: paths, id });
    });
  }

  end(): void {
    this.ended = true;
    this.child.kill();
  }

  private say(message: ToHost, ports: MessagePortMain[] = []): void {
    this.child.postMessage(message, ports);
  }
}
