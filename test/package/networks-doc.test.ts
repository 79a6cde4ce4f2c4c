import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { loadNetwork, networkNames } from '../reference.ts';

test('docs/networks.md has a row for each network, and no other', () => {
  const page = readFileSync(new URL('../../docs/networks.md', import.meta.url), 'utf8');
  const table = page.split('<!-- table -->')[1].split('<!-- end of table -->')[0].trim().split('\n').slice(2);
  const rows = table.map((line) =>
    line
      .split('|')
      .slice(1, 4)
      .map((cell) => cell.trim()),
  );
  const networks = networkNames.map(loadNetwork);
  expect(rows).toEqual(networks.map(({ network, flavour, source }) => [network, flavour, source]));
});
