/** An imitation of MLflow's REST interface, with the types and limits of the real server (mlflow 3.17, `utils/validation.py`). */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as z from 'zod';

const id = z.string().min(1);
const time = z.int().positive();
const keyName = z
  .string()
  .min(1)
  .max(250)
  .regex(/^[/\w.\- :]+$/);
const tag = z.strictObject({ key: keyName, value: z.string().max(8000) });
/** Protobuf's JSON has numbers that are not finite as texts. */
const double = z.union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity'])]);
const metric = z.strictObject({ key: keyName, value: double, timestamp: time, step: z.int() });
const param = z.strictObject({ key: keyName, value: z.string().max(6000) });

const REQUESTS = {
  'experiments/create': z.strictObject({ name: z.string().min(1).max(500) }),
  'runs/create': z.strictObject({
    experiment_id: id,
    run_name: z.string(),
    start_time: time,
    tags: z.array(tag).max(100),
  }),
  'runs/search': z.strictObject({
    experiment_ids: z.array(id),
    filter: z.string().regex(/^tags\.`[\w.]+` = '[^']*'$/),
    max_results: z.int(),
  }),
  'runs/update': z.strictObject({
    run_id: id,
    status: z.enum(['RUNNING', 'SCHEDULED', 'FINISHED', 'FAILED', 'KILLED']),
    end_time: time.optional(),
  }),
  'runs/log-batch': z.strictObject({
    run_id: id,
    metrics: z.array(metric).max(1000).optional(),
    params: z.array(param).max(100).optional(),
    tags: z.array(tag).max(100).optional(),
  }),
};
type Posted = { [P in keyof typeof REQUESTS]: z.output<(typeof REQUESTS)[P]> };

const MOST_BYTES = 1e6;

export interface FakeRun {
  readonly name: string;
  readonly experiment: string;
  status: string;
  readonly tags: Record<string, string>;
  readonly params: Record<string, string>;
  readonly metrics: z.output<typeof metric>[];
  readonly files: Record<string, string>;
}

class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

const missing = (what: string) => new Refusal(404, 'RESOURCE_DOES_NOT_EXIST', `No ${what}`);

export class FakeMlflow {
  readonly runs = new Map<string, FakeRun>();
  readonly experiments = new Map<string, string>();
  /** Headers `authorization` of all requests. */
  readonly authorizations: (string | undefined)[] = [];
  /** `down`: 503. `hanging`: no answer. `losing`: does the work, but the answer gets lost. */
  mode: 'up' | 'down' | 'hanging' | 'losing' = 'up';
  artifactRoot = 'mlflow-artifacts:';
  private readonly server: Server;

  private constructor() {
    this.server = createServer((request, response) => void this.answer(request, response));
  }

  static async start(port = 0): Promise<FakeMlflow> {
    const fake = new FakeMlflow();
    await new Promise<void>((resolve) => fake.server.listen(port, '127.0.0.1', resolve));
    return fake;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  run(name: string): FakeRun {
    const found = [...this.runs.values()].filter((run) => run.name === name);
    if (found.length !== 1) throw new Error(`${found.length} runs are named ${name}`);
    return found[0]!;
  }

  stop(): Promise<void> {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.authorizations.push(request.headers.authorization);
    const reply = (status: number, body: object) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    };
    if (this.mode === 'hanging') return;
    if (this.mode === 'down') return reply(503, {});
    try {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const body = this.handle(request, Buffer.concat(chunks).toString());
      if (this.mode === 'losing') request.socket.destroy();
      else reply(200, body);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      reply(error.status, { error_code: error.code, message: error.message });
    }
  }

  private handle({ method, url }: IncomingMessage, body: string): object {
    const { pathname, searchParams } = new URL(url!, this.url);
    const upload = /^\/api\/2\.0\/mlflow-artifacts\/artifacts\/(.+)$/.exec(pathname);
    if (upload && method === 'PUT') return this.store(decodeURIComponent(upload[1]!), body);
    const path = /^\/api\/2\.0\/mlflow\/(.+)$/.exec(pathname)?.[1];
    if (method === 'GET' && path === 'experiments/get-by-name') {
      const found = this.experiments.get(searchParams.get('experiment_name')!);
      if (!found) throw missing('experiment');
      return { experiment: { experiment_id: found, lifecycle_stage: 'active' } };
    }
    if (method === 'GET' && path === 'runs/get') return { run: this.described(searchParams.get('run_id')!) };
    if (method !== 'POST' || !(path && path in REQUESTS)) throw new Refusal(404, 'ENDPOINT_NOT_FOUND', pathname);
    return this.post(path as keyof Posted, body);
  }

  private post(path: keyof Posted, body: string): object {
    if (Buffer.byteLength(body) > MOST_BYTES) throw new Refusal(400, 'INVALID_PARAMETER_VALUE', 'too large');
    const read = REQUESTS[path].safeParse(JSON.parse(body));
    if (!read.success) throw new Refusal(400, 'INVALID_PARAMETER_VALUE', `${path}: ${read.error.message}`);
    const answers: { [P in keyof Posted]: (request: Posted[P]) => object } = {
      'experiments/create': ({ name }) => {
        if (this.experiments.has(name)) throw new Refusal(400, 'RESOURCE_ALREADY_EXISTS', name);
        this.experiments.set(name, String(this.experiments.size + 1));
        return { experiment_id: this.experiments.get(name) };
      },
      'runs/create': ({ experiment_id: experiment, run_name: name, tags }) => {
        if (![...this.experiments.values()].includes(experiment)) throw missing('experiment');
        const key = `run${this.runs.size + 1}`;
        const own = Object.fromEntries(tags.map((one) => [one.key, one.value]));
        this.runs.set(key, { name, experiment, status: 'RUNNING', tags: own, params: {}, metrics: [], files: {} });
        return { run: this.described(key) };
      },
      'runs/search': ({ experiment_ids: [experiment], filter }) => {
        const [, key, value] = /^tags\.`(.+)` = '(.+)'$/.exec(filter)!;
        const found = [...this.runs].filter(([, run]) => run.experiment === experiment && run.tags[key!] === value);
        return found.length ? { runs: found.map(([run]) => this.described(run)) } : {};
      },
      'runs/update': ({ run_id: run, status }) => {
        this.found(run).status = status;
        return { run_info: {} };
      },
      'runs/log-batch': ({ run_id: run, metrics = [], params = [], tags = [] }) => {
        const { params: known, ...others } = this.found(run);
        for (const { key, value } of params) {
          if (known[key] !== undefined && known[key] !== value)
            throw new Refusal(400, 'INVALID_PARAMETER_VALUE', `Changing param ${key} is not allowed`);
          known[key] = value;
        }
        for (const { key, value } of tags) others.tags[key] = value;
        others.metrics.push(...metrics);
        return {};
      },
    };
    return (answers[path] as (request: unknown) => object)(read.data);
  }

  private store(path: string, content: string): object {
    const [, experiment, run, file] = /^(\w+)\/(\w+)\/artifacts\/(.+)$/.exec(path) ?? [];
    if (this.found(run!).experiment !== experiment) throw missing('run');
    this.found(run!).files[file!] = content;
    return {};
  }

  private found(run: string): FakeRun {
    const found = this.runs.get(run);
    if (!found) throw missing('run');
    return found;
  }

  private described(run: string) {
    const { experiment, name, status } = this.found(run);
    const artifacts = `${this.artifactRoot}/${experiment}/${run}/artifacts`;
    return {
      info: { run_id: run, run_name: name, status, lifecycle_stage: 'active', artifact_uri: artifacts },
      data: {},
    };
  }
}
