// The documentation says what is so: its settings are accepted, its defaults are the defaults, its links lead somewhere.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { commandsReference, REFERENCE } from '../../scripts/build/commands-reference.ts';
import { changesSchema } from '../../src/data/augment/changes.ts';
import { augmentationPolicies, readAugmentation } from '../../src/data/index.ts';
import { readSettings, settingNames } from '../../src/session/index.ts';

const documents = [
  ...readdirSync('.').filter((file) => file.endsWith('.md')),
  ...readdirSync('docs')
    .filter((file) => file.endsWith('.md'))
    .map((file) => join('docs', file)),
];
const text = (file: string) => readFileSync(file, 'utf8');

const examples = documents.flatMap((file) =>
  [...text(file).matchAll(/^```yaml\n(.*?)^```/gms)].map(([, yaml]) => ({ file, yaml: yaml! })),
);
test.each(examples)('settings in $file are accepted: $yaml', ({ yaml }) => {
  const settings = readSettings(parse(yaml));
  expect(readAugmentation(settings.augment)).toBeTypeOf('object');
});

describe('docs/configuration.md', () => {
  const rows = [...text('docs/configuration.md').matchAll(/^\| (`[a-zA-Z`, 0-9]+`) \| (.*?) \|/gm)].map(
    ([, names, value]) => ({ names: [...names!.matchAll(/\w+/g)].map(([name]) => name), value: value! }),
  );

  test('has every setting and no other', () => {
    expect(rows.flatMap(({ names }) => names).sort()).toEqual([...settingNames].sort());
  });

  const named = new Set(['schedule', 'optimizer', 'loss']);
  const literal = rows.flatMap(({ names, value }) => {
    const [, written] = /^`(.+)`$/.exec(value) ?? [];
    return written === undefined ? [] : names.map((name) => ({ name, written }));
  });
  const defaults: Record<string, unknown> = readSettings({});
  test.each(literal)('the default of $name is $written', ({ name, written }) => {
    if (name === 'warmup') expect((defaults.schedule as { warmup: number }).warmup).toBe(Number(written));
    else if (name === 'labelSmoothing')
      expect((defaults.loss as { labelSmoothing?: number }).labelSmoothing).toBe(Number(written));
    else if (named.has(name)) expect((defaults[name] as { name: string }).name).toBe(written);
    else expect(String(defaults[name])).toBe(written);
  });
});

test('docs/augmentation.md has a row for every change and every policy', () => {
  const rows = [...text('docs/augmentation.md').matchAll(/^\| (`[a-zA-Z`, ]+`) \|/gm)];
  const named = rows.flatMap(([, names]) => [...names!.matchAll(/\w+/g)].map(([name]) => name));
  const changes = Object.keys(changesSchema.shape).filter((name) => name !== 'fill');
  expect(named.sort()).toEqual([...changes, ...Object.keys(augmentationPolicies)].sort());
});

test('docs/commands.md is what the commands say of themselves (npm run docs)', async () => {
  expect(text(REFERENCE)).toBe(await commandsReference());
});

const links = documents.flatMap((file) =>
  [...text(file).matchAll(/\]\((?!https?:|#)([^)#\s]+)[^)]*\)|src="(?!https?:)([^"]+)"/g)].map(([, link, source]) => ({
    file,
    link: (link ?? source)!,
  })),
);
test.each(links)('$link in $file exists', ({ file, link }) => {
  expect(existsSync(join(dirname(file), link))).toBe(true);
});

const named = documents.flatMap((file) =>
  [...text(file).matchAll(/`((?:test|scripts|src)\/[\w/.-]+\.\w+)`/g)].map(([, path]) => ({ file, path: path! })),
);
test.each(named)('$file names $path, which exists', ({ path }) => {
  expect(existsSync(path)).toBe(true);
});
