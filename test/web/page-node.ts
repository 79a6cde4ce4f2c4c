import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { openDataset } from '../../src/data/node/index.ts';
import type { Project } from '../node/commands/project.ts';

/** What a page is given of a project whose folder it finds at `project`. */
export async function givenToPage(project: Project) {
  const { classes, train, val } = await openDataset(project.data);
  return {
    model: `project/${basename(project.model)}/model.onnx`,
    preprocessorConfig: JSON.parse(readFileSync(join(project.model, 'preprocessor_config.json'), 'utf8')),
    classes,
    images: [train, val].flatMap((samples) =>
      samples.map(({ file, label }) => ({
        address: `project/${file.slice(project.folder.length + 1)}`,
        label,
        validation: samples === val,
      })),
    ),
  };
}

/** Runs in the page: answers two messages and leaves. */
export async function nodeInPage({
  images,
  ...own
}: {
  images: readonly { address: string; label: number; validation: boolean }[];
}): Promise<string[]> {
  // biome-ignore lint/suspicious/noExplicitAny: the page's own script put it there
  const { thaw } = globalThis as any;
  const client = thaw.startWorker({ assets: new URL('/ort', location.href).href });
  const labelled = await Promise.all(
    images.map(async ({ address, ...rest }) => ({ ...rest, image: await (await fetch(address)).blob() })),
  );
  const stop = new AbortController();
  const events: string[] = [];
  await thaw.runNode({
    transport: thaw.fetchTransport(new URL('superlink', location.href)),
    answer: thaw.answersBy(client, { ...own, images: labelled, settings: { device: 'cpu' } }),
    signal: stop.signal,
    poll: 200,
    onEvent: ({ type, reason, error }: { type: string; reason?: string; error?: Error }) => {
      events.push([type, reason, error?.message].filter(Boolean).join(' '));
      if (events.filter((event) => /^(answered|failed|dropped)/.test(event)).length === 2) stop.abort();
    },
  });
  client.terminate();
  return events;
}
