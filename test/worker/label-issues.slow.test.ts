import { MessageChannel } from 'node:worker_threads';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { connect, emitterPort, type OpenRequest, type RemoteClient, serve } from '../../src/worker/index.ts';
import { nodePlatform } from '../../src/worker/node/platform.ts';
import { makeProject, type Project } from '../node/commands/project.ts';
import { numbers } from './lessons.ts';
import { requestOf, settings } from './request.ts';

let project: Project;
/** Image 3 is labelled red, and image 20 blue. */
let request: OpenRequest<'classification'>;
let client: RemoteClient;
const WRONG = new Map([
  [3, 'red'],
  [20, 'blue'],
]);
const TRUE = new Map<number, string>();

beforeAll(async () => {
  project = await makeProject();
  const { samples, ...rest } = await requestOf(project);
  for (const i of WRONG.keys()) TRUE.set(i, samples[i].label);
  request = { ...rest, samples: samples.map((sample, i) => ({ ...sample, label: WRONG.get(i) ?? sample.label })) };
});
afterAll(() => project.remove());
afterEach(() => client.terminate());

function connected(): RemoteClient {
  const { port1, port2 } = new MessageChannel();
  serve(emitterPort(port1), nodePlatform());
  client = connect(emitterPort(port2));
  return client;
}

test('labels that are wrong are found, with what they should be', async () => {
  const training = await connected().open(request);
  const found = await training.labelIssues();
  expect(found.map(({ sample }) => sample).sort((a, b) => a - b)).toEqual([...WRONG.keys()]);
  for (const { sample, label, likely, probability } of found) {
    expect([label, likely]).toEqual([WRONG.get(sample), TRUE.get(sample)]);
    expect(probability).toBeGreaterThan(0.5);
  }
  // Neither a training nor its result changes them: they come from the pretrained features.
  await training.train();
  await training.finish();
  expect(await training.labelIssues()).toEqual(found);
});

test('predictions come in between, and a stop ends the search', async () => {
  const training = await connected().open(request);
  const order: string[] = [];
  const search = training.labelIssues().then(() => order.push('labels'));
  await training.predict([request.samples[0].image!]).then(() => order.push('prediction'));
  await search;
  expect(order).toEqual(['prediction', 'labels']);
  const stopped = expect(training.labelIssues()).rejects.toThrow('the search for wrong labels was stopped');
  await training.stop();
  await stopped;
});

test('too many samples and classes are refused at once', async () => {
  const samples = Array.from({ length: 2200 }, (_, i) => ({ image: request.samples[0].image!, label: `${i % 1100}` }));
  const training = await connected().open({ ...request, samples, settings });
  await expect(training.labelIssues()).rejects.toThrow('2200 samples of 1100 classes would take too long');
});

test('a task without classes is refused', async () => {
  const { task, model, samples, settings } = numbers(project);
  const training = await connected().open({ ...model, task, samples, settings });
  await expect(training.labelIssues()).rejects.toThrow('labels of the task regression are not checked');
});
