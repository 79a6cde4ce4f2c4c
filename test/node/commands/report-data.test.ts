import { expect, test } from 'vitest';
import { commandsFor } from '../../../src/node/commands/report-data.ts';

const snippets = (path: string) =>
  commandsFor(path, 'image', false, undefined)
    .map(({ command }) => command)
    .filter((command) => command.includes('@huggingface/transformers'));

test.each([
  ['run', './run/model'],
  ['runs/images-1', './runs/images-1/model'],
  ['.', '././model'],
  ['/data/run', '/data/run/model'],
])('the snippet for a run at %s loads %s, which is no name on the hub', (path, model) => {
  const [node, page] = snippets(path);
  expect(node).toContain(`pipeline('image-classification', ${JSON.stringify(model)})`);
  // The expression of transformers.js for names on the hub (src/utils/hub/constants.js).
  expect(model).not.toMatch(/^(\b[\w\-.]+\b\/)?\b[\w\-.]{1,96}\b$/);
  expect(page).toContain('env.allowLocalModels = true;');
});
