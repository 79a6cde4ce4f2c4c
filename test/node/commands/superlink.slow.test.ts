// A Flower SuperLink with TLS and registered nodes, our app run by `flwr run`, and two clients without Python.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { NodeEvent } from '../../../src/federated/flower/index.ts';
import { type RoundOutcome, type RoundState, readRoundState, writeRoundState } from '../../../src/federated/index.ts';
import { firstState, type JobEvent, joinFederation, round } from '../../../src/node/commands/index.ts';
import { tensor } from '../../../src/onnx/index.ts';
import { FLOWER, flowerEnvironment, freePort, PYTHON, unevenShares, writeTestApp } from './flower-python.ts';
import { makeProject, type Project } from './project.ts';

const LABELS = ['blue', 'green', 'red'];
const COMMON = { device: 'cpu', batch: 6, schedule: 'constant' } as const;
const STAGES = [
  { train: 'head', epochs: 1, lr: 0.002 },
  { train: 'last:2', epochs: 1, lr: 0.001 },
];

describe('with a SuperLink of Flower', FLOWER, () => {
  let project: Project;
  let superlink: ChildProcess;
  let log = '';
  let port: number;
  const stop = new AbortController();
  const nodes: Promise<void>[] = [];
  const at = (name: string) => join(project.folder, name);
  const flower = (command: string, ...words: readonly string[]) =>
    promisify(execFile)(join(dirname(PYTHON!), command), words, { env: flowerEnvironment(project), timeout: 240_000 });

  beforeAll(async () => {
    project = await makeProject();
    vi.stubEnv('THAW_CACHE', at('cache'));
    await promisify(execFile)(PYTHON!, [resolve('test/node/commands/superlink.py'), project.folder]);
    port = await freePort();
    mkdirSync(at('flower'));
    const address = `address = "127.0.0.1:${port}"\nroot-certificates = ${JSON.stringify(at('ca.crt'))}`;
    writeFileSync(at('flower/config.toml'), `[superlink]\ndefault = "test"\n\n[superlink.test]\n${address}\n`);
    const words = [
      ...['--port', String(port), '--enable-supernode-auth', '--disable-runtime-dependency-installation'],
      ...['--ssl-certfile', at('server.crt'), '--ssl-keyfile', at('server.key'), '--ssl-ca-certfile', at('ca.crt')],
    ];
    superlink = spawn(join(dirname(PYTHON!), 'flower-superlink'), words, { env: flowerEnvironment(project) });
    for (const stream of [superlink.stdout!, superlink.stderr!]) stream.on('data', (part) => (log += part));
    await vi.waitFor(() => expect(log).toMatch(/startup complete/i), { timeout: 120_000, interval: 200 });
  });
  afterAll(async () => {
    stop.abort();
    await Promise.allSettled(nodes);
    if (superlink) {
      const ended = new Promise((done) => superlink.once('exit', done));
      superlink.kill('SIGINT');
      await ended;
    }
    vi.unstubAllEnvs();
    project?.remove();
  });

  const joined = (more: object, onEvent?: (event: JobEvent | NodeEvent) => void, data = project.data) =>
    joinFederation(
      {
        superlink: `127.0.0.1:${port}`,
        model: project.model,
        data,
        rootCertificates: at('ca.crt'),
        poll: 200,
        ...more,
      },
      { signal: stop.signal, onEvent },
    );

  test('an unregistered node and an untrusted certificate give clear errors', async () => {
    await expect(joined({})).rejects.toThrow(/rejects this node: SuperNode authentication is enabled/);
    await expect(joined({ key: at('node-0') })).rejects.toMatchObject({
      hint: 'Register its key with flwr supernode register',
    });
    await expect(joined({ rootCertificates: undefined })).rejects.toThrow(/cannot reach .*certificate/);
    await expect(joined({ rootCertificates: undefined, insecure: true })).rejects.toThrow(/cannot reach http:/);
  });

  test('two clients train the rounds of an app, which averages their states', async () => {
    const app = at('app');
    await writeTestApp(project, app, { labels: LABELS, settings: COMMON, stages: STAGES });
    const shares = unevenShares(project);
    const events: (JobEvent | NodeEvent)[][] = [[], []];
    for (const [i, data] of shares.entries()) {
      await flower('flwr', 'supernode', 'register', at(`node-${i}.pub`), 'test');
      nodes.push(joined({ key: at(`node-${i}`) }, (event) => events[i].push(event), data));
    }
    const { stdout } = await flower('flwr', 'run', app, 'test', '--stream');
    expect(stdout, log).toContain('The state after 2 rounds');
    const own = (i: number) =>
      events[i].filter(({ type }) => type === 'answered' || type === 'failed' || type === 'joined');
    for (const i of [0, 1])
      expect(own(i).map((event) => (event.type === 'answered' ? event.message.type : event.type))).toEqual([
        ...['joined', 'train', 'train', 'evaluate'],
      ]);
    const expected = await averaged(shares);
    const reached = readRoundState(readFileSync(join(app, 'federation', 'state.safetensors')));
    expect(reached.epoch).toBe(2);
    expect([...reached.tensors.keys()].sort()).toEqual(['block.bias', 'block.weight', 'fc.bias', 'fc.weight']);
    for (const [name, { data }] of expected.tensors) {
      const other = reached.tensors.get(name)!.data as Float32Array;
      const apart = (data as Float32Array).map((value, i) => Math.abs(value - other[i]));
      expect(Math.max(...apart), name).toBeLessThan(1e-7);
    }
  }, 300_000);

  /** The same rounds without Flower: the mean of both clients' states after each stage, weighted by examples. */
  async function averaged(shares: readonly string[]): Promise<RoundState> {
    const { model } = project;
    let state: Uint8Array | undefined;
    for (const stage of STAGES) {
      const settings = { ...COMMON, stages: [stage] };
      state = await firstState({ model, state, settings: state ? settings : { ...settings, labels: LABELS } });
      const outcomes: RoundOutcome[] = [];
      for (const data of shares) outcomes.push(await round({ model, data, state, settings }));
      const all = outcomes.reduce((sum, { examples }) => sum + examples, 0);
      const read = outcomes.map((outcome) => readRoundState(outcome.state!));
      const tensors = [...read[0].tensors].map(([name, { shape, data }]) => {
        const values = Float32Array.from(data as Float32Array, (_, i) =>
          read.reduce(
            (sum, { tensors }, n) => sum + ((tensors.get(name)!.data as Float32Array)[i] * outcomes[n].examples) / all,
            0,
          ),
        );
        return [name, tensor('float32', shape, values)] as const;
      });
      state = writeRoundState({ ...read[0], tensors: new Map(tensors) });
    }
    return readRoundState(state!);
  }
});
