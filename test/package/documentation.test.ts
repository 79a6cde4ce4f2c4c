// The documentation says what is so: its settings are accepted, its defaults are the defaults, its links lead somewhere.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { commandsReference, REFERENCE } from '../../scripts/build/commands-reference.ts';
import { CONFIGURATION, configurationReference } from '../../scripts/build/configuration-reference.ts';
import { anchorOf } from '../../scripts/site/links.ts';
import { allFlags } from '../../src/cli/command.ts';
import { COMMANDS } from '../../src/cli/commands/index.ts';
import { changesSchema } from '../../src/data/augment/changes.ts';
import { augmentationPolicies, readAugmentation } from '../../src/data/index.ts';
import { readSettings, settingNames } from '../../src/session/index.ts';

const documents = [
  ...readdirSync('.'),
  ...readdirSync('docs', { recursive: true, encoding: 'utf8' }).map((file) => join('docs', file)),
].filter((file) => file.endsWith('.md'));
const text = (file: string) => readFileSync(file, 'utf8');

const examples = documents.flatMap((file) =>
  [...text(file).matchAll(/^```yaml\n(.*?)^```/gms)].map(([, yaml]) => ({ file, yaml: yaml! })),
);
test.each(examples)('settings in $file are accepted: $yaml', ({ yaml }) => {
  const settings = readSettings(parse(yaml));
  expect(readAugmentation(settings.augment)).toBeTypeOf('object');
});

describe('docs/configuration.md', () => {
  const rows = [...text(CONFIGURATION).matchAll(/^\| (`\w+`(?:, `\w+`)*) \| [^|]* \| ([^|]*?) ?\| [^|]/gm)].map(
    ([, names, value]) => ({ names: [...names!.matchAll(/\w+/g)].map(([name]) => name), value: value! }),
  );

  test('has the types and defaults of the schema (npm run docs)', () => {
    expect(configurationReference(text(CONFIGURATION))).toBe(text(CONFIGURATION));
  });

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

/** Of a page on GitHub; those of the site are the same. */
function anchorsOf(file: string): string[] {
  const prose = text(file).replaceAll(/^```.*?^```/gms, '');
  const headings = [...prose.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    anchorOf(heading!.replaceAll(/\[([^\]]*)\]\([^)]*\)|[*`]/g, '$1')),
  );
  return [...headings, ...[...prose.matchAll(/<a id="([^"]+)">/g)].map(([, id]) => id!)];
}

const anchored = documents.flatMap((file) =>
  [...text(file).matchAll(/\]\((?!https?:)([^)#\s]*)#([^)\s]+)\)/g)].map(([, path, anchor]) => ({
    file,
    target: path ? join(dirname(file), path) : file,
    anchor: anchor!,
  })),
);
test.each(anchored)('$file links to #$anchor of $target, which exists', ({ target, anchor }) => {
  expect(anchorsOf(target)).toContain(anchor);
});

const sources = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((file) => /\.tsx?$/.test(file))
  .map((file) => text(join('src', file)))
  .join('\n');
const messages = [...text('docs/troubleshooting.md').matchAll(/^### (.*`.*)$/gm)].flatMap(([, heading]) =>
  [...heading!.matchAll(/`([^`]+)`/g)].map(([, message]) => message!),
);
test.each(messages)('the message %s is one of Thaw', (message) => {
  const parts = message.split('…').map((part) => part.trim());
  expect(parts.filter((part) => part !== '' && !sources.includes(part))).toEqual([]);
});

const named = documents.flatMap((file) =>
  [...text(file).matchAll(/`((?:test|scripts|src)\/[\w/.-]+\.\w+)`/g)].map(([, path]) => ({ file, path: path! })),
);
test.each(named)('$file names $path, which exists', ({ path }) => {
  expect(existsSync(path)).toBe(true);
});

const commandLines = documents.flatMap((file) =>
  [...text(file).matchAll(/^```sh\n(.*?)^```/gms)].flatMap(([, lines]) =>
    lines!.split('\n').flatMap((line) => {
      const [, name, rest] = /^(?:npx )?thaw ([a-z][\w-]*)(.*)$/.exec(line.replace(/ +# .*$/, '')) ?? [];
      return name === undefined ? [] : [{ file, line, name, flags: rest!.match(/(?<= )--[a-z][\w-]*/g) ?? [] }];
    }),
  ),
);
test.each(commandLines)('$file: $line has the flags of its command', async ({ name, flags }) => {
  const found = COMMANDS.find((command) => command.name === name);
  expect(found).toBeDefined();
  const { command } = await found!.load();
  const known = Object.keys(allFlags(command)).flatMap((flag) => [`--${flag}`, `--no-${flag}`]);
  expect(flags.filter((flag) => !known.includes(flag))).toEqual([]);
});
