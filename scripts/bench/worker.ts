/** A contender's process, from the driver's side. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { PeakMemory } from './protocol.ts';

/** A contender's error message, or how its process ended. */
export class ContenderError extends Error {}

export interface WorkerCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** Environment variables besides those of this process. */
  readonly env?: Readonly<Record<string, string>>;
}

export class Worker {
  private readonly child: ChildProcess;
  private waiting: { resolve(answer: unknown): void; reject(error: Error): void } | undefined;
  private lastWords = '';

  /** @param threads the number of threads that it may use */
  constructor({ command, args, env }: WorkerCommand, threads: number) {
    const count = String(threads);
    this.child = spawn(command, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...env, ...process.env, BENCH_THREADS: count, OMP_NUM_THREADS: count, PYTHONDONTWRITEBYTECODE: '1' },
    });
    createInterface({ input: this.child.stdout! }).on('line', (line) => this.take(line));
    this.child.stderr!.on('data', (text) => {
      this.lastWords = `${this.lastWords}${text}`.slice(-4000);
    });
    this.child.stdin!.on('error', () => undefined);
    this.child.on('error', (error) => this.fail(error.message));
    this.child.on('close', (code, signal) => this.fail(`it ended (${signal ?? `exit code ${code}`}): ${this.said}`));
  }

  /** @throws ContenderError if it cannot do it, or its process ended */
  ask<T>(name: string, argument: unknown): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.waiting = { resolve: resolve as (answer: unknown) => void, reject };
      if (this.child.exitCode !== null || this.child.signalCode !== null) this.fail(`it had ended: ${this.said}`);
      else this.child.stdin!.write(`${JSON.stringify({ [name]: argument })}\n`);
    });
  }

  /** Bytes. */
  async peakMemory(): Promise<number> {
    return (await this.ask<PeakMemory>('memory', {})).bytes;
  }

  async end(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => this.child.once('close', () => resolve()));
    this.child.stdin!.end();
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 10_000);
    await ended;
    clearTimeout(timer);
  }

  private take(line: string): void {
    const { waiting } = this;
    this.waiting = undefined;
    let answer: { error?: string };
    try {
      answer = JSON.parse(line);
    } catch {
      answer = { error: `it answered "${line}"` };
    }
    if (answer.error === undefined) waiting?.resolve(answer);
    else waiting?.reject(new ContenderError(shortened(answer.error)));
  }

  private fail(reason: string): void {
    this.waiting?.reject(new ContenderError(reason));
    this.waiting = undefined;
  }

  private get said(): string {
    return this.lastWords.trim().split('\n').at(-1) ?? '';
  }
}

/** Some errors list all possible values. */
const shortened = (text: string): string => (text.length > 200 ? `${text.slice(0, 200)}…` : text);
