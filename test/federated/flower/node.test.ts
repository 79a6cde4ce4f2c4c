import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ThawError } from '../../../src/errors.ts';
import { type AppMessage, type Content, type NodeEvent, runNode } from '../../../src/federated/flower/index.ts';
import { tensor } from '../../../src/onnx/index.ts';
import { FakeSuperLink } from './fake-superlink.ts';

const state = tensor('float32', [2], Float32Array.of(1, 2));
const QUESTION: Content = new Map([
  ['arrays', { kind: 'arrays', arrays: new Map([['w', state]]) }],
  ['config', { kind: 'config', values: new Map([['epoch', 3n]]) }],
]);

const realTimeout = setTimeout;

let superlink: FakeSuperLink;
let events: NodeEvent[];
let stop: AbortController;
let running: Promise<void>;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  superlink = new FakeSuperLink();
  events = [];
  stop = new AbortController();
});
afterEach(async () => {
  stop.abort();
  await running?.catch(() => undefined);
  vi.useRealTimers();
});

const types = () => events.map(({ type }) => type);
const echo = async ({ content }: AppMessage) => content;

function start(answer: (message: AppMessage, signal?: AbortSignal) => Promise<Content> = echo): void {
  running = runNode({
    transport: superlink,
    answer,
    signal: stop.signal,
    onEvent: (event) => events.push(event),
    poll: 100,
  });
  running.catch(() => undefined);
}

/** Advances time until a condition holds. */
async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 1000 && !condition(); i++) {
    await vi.advanceTimersByTimeAsync(100);
    // Digests and signatures need real time.
    await new Promise((resolve) => realTimeout(resolve, 2));
  }
  expect(condition(), `${types()}`).toBe(true);
}

test('answers messages, sends heartbeats, and leaves', async () => {
  start();
  const valid = await superlink.ask(QUESTION);
  await until(() => superlink.replies.length === 1);
  const [{ content, metadata, error }] = superlink.replies;
  expect(content).toEqual(new Map([...QUESTION]));
  expect(error).toBeNull();
  expect([metadata.src_node_id, metadata.dst_node_id, metadata.run_id].map(Number)).toEqual([0, 1, 7]);
  expect(metadata.created_at! + metadata.ttl!).toBeCloseTo(valid, 3);
  await until(() => superlink.asked.filter((method) => method === 'send-node-heartbeat').length >= 2);
  expect(superlink.active.size).toBe(1);
  stop.abort();
  await running;
  expect(superlink.asked.slice(-2)).toEqual(['deactivate-node', 'unregister-node']);
  expect(superlink.nodes.size).toBe(0);
  expect(types()).toEqual(['joined', 'message', 'answered', 'left']);
});

describe('at the start', () => {
  test.each<[string, (fake: FakeSuperLink) => unknown, RegExp]>([
    [
      'with another version',
      (fake) => Object.assign(fake, { version: '1.43.0' }),
      /has Flower 1\.43\.0, .* only supports 1\.42/,
    ],
    [
      'with a version with the same prefix',
      (fake) => Object.assign(fake, { version: '1.420.0' }),
      /has Flower 1\.420\.0/,
    ],
    [
      'that is unreachable',
      (fake) => Object.assign(fake, { down: 1 }),
      /cannot reach http:\/\/fake:8000: connect ECONNREFUSED/,
    ],
    [
      'with manual registration of nodes',
      (fake) => {
        const body = new TextEncoder().encode(
          '{"code": 2001, "detail": "All SuperNodes must be registered via the CLI."}',
        );
        fake.instead = (method) => (method === 'register-node' ? { status: 412, body } : undefined);
      },
      /rejects this node: All SuperNodes must be registered via the CLI\. Give the key/,
    ],
    [
      'with another clock',
      (fake) => {
        const body = new TextEncoder().encode('{"detail": "Invalid SuperNode authentication"}');
        fake.instead = () => ({ status: 401, body });
      },
      /Synchronize the clocks/,
    ],
  ])('a SuperLink %s is an error', async (_, prepare, message) => {
    prepare(superlink);
    start();
    const error = await running.catch((error: ThawError) => error);
    expect(error).toBeInstanceOf(ThawError);
    expect((error as ThawError).line).toMatch(message);
  });

  test('another server is an error', async () => {
    vi.spyOn(superlink, 'exchange').mockResolvedValue({ status: 200, body: new TextEncoder().encode('<html>') });
    start();
    await expect(running).rejects.toThrow('http://fake:8000 is not a SuperLink of Flower 1.42');
  });
});

describe('later', () => {
  test('retries a lost connection, and answers the message once', async () => {
    start(async (message) => {
      superlink.down = 3;
      return message.content;
    });
    await superlink.ask(QUESTION);
    await until(() => superlink.replies.length === 1);
    await until(() => types().includes('answered'));
    expect(types()).toEqual(['joined', 'message', 'lost', 'back', 'answered']);
    expect(superlink.asked.filter((method) => method === 'register-node')).toHaveLength(1);
  });

  test('joins a restarted SuperLink again', async () => {
    start();
    await until(() => types().includes('joined'));
    superlink.down = 4;
    superlink.restart();
    await until(() => types().filter((type) => type === 'joined').length === 2);
    await superlink.ask(QUESTION);
    await until(() => superlink.replies.length === 1);
    expect(types().slice(0, 3)).toEqual(['joined', 'lost', 'joined']);
  });

  test('refuses a SuperLink that restarted with another version', async () => {
    start();
    await until(() => types().includes('joined'));
    superlink.restart();
    superlink.version = '1.43.1';
    let ended = false;
    running.catch(() => {
      ended = true;
    });
    await until(() => ended);
    await expect(running).rejects.toThrow(/has Flower 1\.43\.1/);
  });

  test('restarts a push that the SuperLink has given up', async () => {
    let refusals = 2;
    superlink.instead = (method) =>
      method === 'push-object' && refusals-- > 0 ? { status: 200, body: new Uint8Array() } : undefined;
    start();
    await superlink.ask(QUESTION);
    await until(() => superlink.replies.length === 1);
    expect(superlink.asked.filter((method) => method === 'push-messages').length).toBeGreaterThan(1);
    expect(superlink.replies[0].content).toEqual(new Map([...QUESTION]));
  });

  test('reports a damaged message to the server, and continues', async () => {
    start();
    await superlink.ask(QUESTION);
    superlink.damage();
    await until(() => superlink.replies.length === 1);
    expect(superlink.replies[0].error?.reason).toMatch(/its bytes do not match its id/);
    await superlink.ask(new Map([...QUESTION].slice(1)));
    await until(() => superlink.replies.length === 2);
    expect(types()).toEqual(['joined', 'failed', 'message', 'answered']);
  });

  test('drops an answer to a finished run', async () => {
    const body = new TextEncoder().encode('{"code": 2007, "detail": "The current run status does not allow this."}');
    superlink.instead = (method) => (method === 'push-messages' ? { status: 403, body } : undefined);
    start();
    await superlink.ask(QUESTION);
    await until(() => types().includes('dropped'));
    expect(types()).toEqual(['joined', 'message', 'dropped']);
  });

  test('reports an error with a message to the server in one line, and continues', async () => {
    let calls = 0;
    start(async ({ content }) => {
      if (calls++) return content;
      throw new ThawError('bad-data', 'there are no images', 'Add some');
    });
    await superlink.ask(QUESTION);
    await until(() => superlink.replies.length === 1);
    const { code, reason } = superlink.replies[0].error!;
    expect([Number(code), reason]).toEqual([2, 'there are no images. Add some']);
    await superlink.ask(new Map([...QUESTION].slice(1)));
    await until(() => superlink.replies.length === 2);
    expect(types()).toEqual(['joined', 'message', 'failed', 'message', 'answered']);
  });

  test('a node stopped during training reports it to the server, and leaves', async () => {
    start(
      (_, signal) =>
        new Promise((_, reject) => signal!.addEventListener('abort', () => reject(signal!.reason), { once: true })),
    );
    await superlink.ask(QUESTION);
    await until(() => types().includes('message'));
    stop.abort();
    await running;
    const { code, reason } = superlink.replies[0].error!;
    expect([Number(code), reason]).toEqual([8, 'the node was stopped']);
    expect(superlink.active.size).toBe(0);
    expect(types()).toEqual(['joined', 'message', 'left']);
  });
});
