// The order in which tasks use the runtime.
import { expect, test } from 'vitest';
import { Turns } from '../../src/worker/turns.ts';

const soon = () => new Promise((resolve) => setTimeout(resolve, 1));

/** A task that records its start and its end. */
const noting = (notes: string[], name: string) => async () => {
  notes.push(`${name} begins`);
  await soon();
  notes.push(`${name} ends`);
  return name;
};

test('tasks run one at a time, even after one that failed', async () => {
  const turns = new Turns();
  const notes: string[] = [];
  const failing = turns.run(async () => {
    throw new Error('no');
  });
  const others = Promise.all([turns.run(noting(notes, 'a')), turns.run(noting(notes, 'b'))]);
  await expect(failing).rejects.toThrow('no');
  expect(await others).toEqual(['a', 'b']);
  expect(notes).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
});

test('during a job, tasks run between its steps or after it, and a second job is refused', async () => {
  const turns = new Turns();
  const notes: string[] = [];
  const job = turns.during(async () => {
    for (const step of ['step 1', 'step 2']) {
      await noting(notes, step)();
      await turns.giveWay();
    }
    await noting(notes, 'last step')();
  });
  expect(() => turns.refuseJob()).toThrow('a training is under way');
  await expect(turns.during(async () => {})).rejects.toMatchObject({ code: 'bad-config' });
  await turns.run(noting(notes, 'a'));
  await turns.whenIdle();
  turns.refuseJob();
  await job;
  await turns.run(noting(notes, 'b'));
  const order = notes.filter((note) => note.endsWith('begins')).map((note) => note.replace(' begins', ''));
  expect(order).toEqual(['step 1', 'a', 'step 2', 'last step', 'b']);
});

test('a paused job lets other tasks run, and continues', async () => {
  const turns = new Turns();
  const notes: string[] = [];
  expect([turns.pause(), turns.pause()]).toEqual([true, false]);
  const job = turns.during(async () => {
    await turns.giveWay();
    notes.push('continued');
  });
  await soon();
  await turns.run(noting(notes, 'a'));
  await turns.run(noting(notes, 'b'));
  expect(notes).toHaveLength(4);
  expect([turns.resume(), turns.resume()]).toEqual([true, false]);
  await job;
  expect(notes.at(-1)).toBe('continued');
});

test('a failed job does not block later tasks', async () => {
  const turns = new Turns();
  const job = turns.during(async () => {
    await soon();
    throw new Error('no');
  });
  const task = turns.run(async () => 'ran');
  await expect(job).rejects.toThrow('no');
  expect(await task).toBe('ran');
  await expect(turns.during(async () => 'again')).resolves.toBe('again');
});
