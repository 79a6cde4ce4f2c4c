// A tracker gets everything in order. If it fails, the training does not notice.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Delivery, type DeliveryOptions } from '../../../src/node/tracking/delivery.ts';
import { type TrackedMetrics, TrackerRefusal, type TrackerSink } from '../../../src/node/tracking/sink.ts';

const row = (epoch: number): TrackedMetrics => ({ epoch, time: epoch, values: { 'val/loss': 1 / epoch } });
const RUN = { name: 'r', path: '/r', config: {}, tags: {} };
const ENDING = { status: 'finished', metrics: [row(9)], files: [{ name: 'a', path: '/r/a' }] } as const;

/** Records calls. `broken` decides what a call does instead. */
function recorder(broken: (call: string) => Promise<unknown> | undefined = () => undefined, id = '7') {
  const calls: string[] = [];
  const called = async (call: string) => {
    await broken(call);
    calls.push(call);
  };
  const sink: TrackerSink = {
    name: 'a tracker',
    start: async (run) => {
      await called(`start ${run.id ?? 'new'}`);
      return id;
    },
    metrics: (rows) => called(`epochs ${rows.map(({ epoch }) => epoch)}`),
    artifacts: (files) => called(`files ${files.map(({ name }) => name)}`),
    end: (status) => called(status),
  };
  return { sink, calls };
}

function deliver(sink: TrackerSink, options: Partial<DeliveryOptions> = {}) {
  const notices: string[] = [];
  const states: unknown[] = [];
  const delivery = new Delivery(sink, RUN, {
    earlier: [],
    save: async (state) => void states.push(state),
    onNotice: (notice) => notices.push(notice),
    times: { pause: 5, longest: 5, lastCall: 50, call: 100 },
    ...options,
  });
  return { delivery, notices, states };
}

test('everything in order, and the state after each step', async () => {
  const { sink, calls } = recorder();
  const { delivery, notices, states } = deliver(sink);
  delivery.push(row(1));
  await sleep(20);
  delivery.push(row(2));
  await delivery.close(ENDING);
  expect(calls).toEqual(['start new', 'epochs 1', 'epochs 2', 'epochs 9', 'files a', 'finished']);
  expect(states).toEqual([0, 1, 2].map((sent) => ({ id: '7', sent })));
  expect(notices).toEqual([]);
});

test('a tracker that comes back gets the missed epochs together; one notice each way', async () => {
  let isDown = true;
  const down = () => (isDown ? Promise.reject(new Error('refused')) : undefined);
  const { sink, calls } = recorder(down);
  const { delivery, notices } = deliver(sink);
  for (const epoch of [1, 2, 3]) {
    delivery.push(row(epoch));
    await sleep(15);
  }
  isDown = false;
  await sleep(30);
  await delivery.close(ENDING);
  expect(calls).toEqual(['start new', 'epochs 1,2,3', 'epochs 9', 'files a', 'finished']);
  expect(notices).toEqual([
    'a tracker: refused. The training continues; Thaw will try again',
    'a tracker answers again and has all epochs so far',
  ]);
});

test('a tracker that stays away is reported with what it lacks', async () => {
  const { sink } = recorder(() => Promise.reject(new Error('refused')));
  const { delivery, notices } = deliver(sink);
  delivery.push(row(1));
  await sleep(20);
  await delivery.close(ENDING);
  expect(notices.at(-1)).toBe('a tracker: refused and does not have this run. The run directory is complete');
  const later = recorder((call) => (call === 'epochs 2' ? Promise.reject(new Error('lost')) : undefined));
  const second = deliver(later.sink);
  second.delivery.push(row(1));
  await sleep(20);
  second.delivery.push(row(2));
  await second.delivery.close(ENDING);
  expect(second.notices.at(-1)).toBe(
    'a tracker: lost and lacks 1 epoch and the end of this run. The run directory is complete',
  );
});

test('a tracker that hangs does not hold the end of the run', async () => {
  const { sink, calls } = recorder((call) => (call === 'epochs 9' ? new Promise(() => {}) : undefined));
  const { delivery, notices } = deliver(sink);
  delivery.push(row(1));
  await delivery.close(ENDING);
  expect(calls).toEqual(['start new', 'epochs 1']);
  expect(notices).toEqual([
    'a tracker lacks the final metrics (no answer within 0.05 seconds), the files, the end of the run. The run directory is complete',
  ]);
});

test('a tracker that refuses a run gets nothing more', async () => {
  const { sink, calls } = recorder(() => Promise.reject(new TrackerRefusal('wrong password')));
  const { delivery, notices } = deliver(sink);
  await sleep(10);
  delivery.push(row(1));
  await delivery.close(ENDING);
  expect(calls).toEqual([]);
  expect(notices).toEqual(['a tracker: wrong password. Thaw sends it nothing more. The run directory is complete']);
});

test('files that are refused do not keep the run open', async () => {
  const { sink, calls } = recorder((call) =>
    call.startsWith('files') ? Promise.reject(new TrackerRefusal('no room')) : undefined,
  );
  const { delivery, notices } = deliver(sink);
  await delivery.close(ENDING);
  expect(calls).toEqual(['start new', 'epochs 9', 'finished']);
  expect(notices).toEqual(['a tracker lacks the files (no room). The run directory is complete']);
});

test('a resumed run continues after the last epoch that the tracker has', async () => {
  const { sink, calls } = recorder();
  const { delivery } = deliver(sink, { state: { id: '7', sent: 2 }, earlier: [1, 2, 3].map(row) });
  // The checkpoint was older than the metrics.
  delivery.push(row(2));
  delivery.push(row(4));
  await delivery.close({ ...ENDING, metrics: [], files: [] });
  expect(calls).toEqual(['start 7', 'epochs 3,4', 'finished']);
});

test('a tracker that no longer has the run gets all its epochs', async () => {
  const { sink, calls } = recorder(undefined, '8');
  const { delivery } = deliver(sink, { state: { id: '7', sent: 2 }, earlier: [1, 2].map(row) });
  await delivery.close({ ...ENDING, metrics: [], files: [] });
  expect(calls).toEqual(['start 7', 'epochs 1,2', 'finished']);
});

test('ten thousand epochs wait; older ones are counted as missing', async () => {
  let isDown = true;
  const down = () => (isDown ? Promise.reject(new Error('refused')) : undefined);
  const { sink, calls } = recorder(down);
  const { delivery, notices } = deliver(sink);
  for (let epoch = 1; epoch <= 10_002; epoch++) delivery.push(row(epoch));
  isDown = false;
  await sleep(30);
  await delivery.close(ENDING);
  expect(calls[1]?.startsWith('epochs 3,4,')).toBe(true);
  expect(notices.at(-1)).toBe('a tracker lacks 2 epochs. The run directory is complete');
});
