import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Project } from '../node/commands/project.ts';
import { samplesOf } from '../worker/request.ts';

/** The own part of a page as a node, of a project whose folder it finds at `project`. */
export async function ownPartOfPage(project: Project) {
  const samples = await samplesOf(project);
  return {
    model: `project/${basename(project.model)}/model.onnx`,
    preprocessorConfig: JSON.parse(readFileSync(join(project.model, 'preprocessor_config.json'), 'utf8')),
    samples: samples.map(({ image, ...rest }) => ({
      address: `project/${image!.slice(project.folder.length + 1)}`,
      ...rest,
    })),
  };
}

/** Runs in the page: answers two messages and leaves. */
export async function nodeInPage({
  samples,
  ...own
}: {
  samples: readonly { address: string; label: string; split?: string }[];
}): Promise<string[]> {
  // biome-ignore lint/suspicious/noExplicitAny: the page's own script put it there
  const { thaw } = globalThis as any;
  const client = thaw.startWorker({ assets: new URL('/ort', location.href).href });
  const labelled = await Promise.all(
    samples.map(async ({ address, ...rest }) => ({ ...rest, image: await (await fetch(address)).blob() })),
  );
  const stop = new AbortController();
  const events: string[] = [];
  await thaw.runNode({
    transport: thaw.fetchTransport(new URL('superlink', location.href)),
    answer: thaw.answersBy(client, { ...own, samples: labelled, settings: { device: 'cpu' } }),
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
