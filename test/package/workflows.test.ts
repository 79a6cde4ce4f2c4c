// What GitHub runs: actions are pinned, and the job that can publish runs nobody's code but npm's.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { OLDEST_NODE } from '../../src/version.ts';

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}
interface Job {
  readonly needs?: string | readonly string[];
  readonly permissions?: Readonly<Record<string, string>>;
  readonly strategy?: { readonly matrix: { readonly include: readonly { os: string; node: string | number }[] } };
  readonly steps: readonly Step[];
}
interface Workflow {
  readonly permissions?: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

const FOLDER = '.github/workflows';
const files = readdirSync(FOLDER).filter((file) => /\.ya?ml$/.test(file));
const text = (file: string) => readFileSync(join(FOLDER, file), 'utf8');
const workflow = (file: string): Workflow => parse(text(file));
const jobs = files.flatMap((file) =>
  Object.entries(workflow(file).jobs).map(([name, job]) => ({
    name: `${file}: ${name}`,
    job,
    permissions: job.permissions ?? workflow(file).permissions,
  })),
);
const steps = (job: Job, action: string) => job.steps.filter(({ uses }) => uses?.startsWith(`actions/${action}@`));

test('every workflow is checked', () => {
  expect(files.sort()).toEqual(['ci.yml', 'release.yml', 'site.yml']);
  expect(jobs.length).toBeGreaterThan(3);
});

test.each(files)('%s pins each action to a commit, and names its version', (file) => {
  const uses = text(file)
    .split('\n')
    .filter((line) => /^\s*(?:- )?uses:/.test(line));
  expect(uses.length).toBeGreaterThan(1);
  for (const line of uses) expect(line).toMatch(/uses: actions\/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
});

test('an action has one version everywhere', () => {
  const used = new Set(files.flatMap((file) => text(file).match(/actions\/[a-z-]+@\S+/g) ?? []));
  const names = [...used].map((use) => use.split('@')[0]);
  expect(new Set(names).size).toBe(names.length);
});

test.each(jobs)('$name may read, and leaves no credentials behind', ({ name, job, permissions }) => {
  expect(permissions).toBeDefined();
  const more = Object.entries(permissions!).filter(([name, value]) => !(name === 'contents' && value === 'read'));
  const mayPublish = steps(job, 'checkout').length === 0;
  const publishing = name.startsWith('site.yml') ? ['pages', 'id-token'] : ['id-token'];
  expect(more).toEqual(mayPublish ? publishing.map((permission) => [permission, 'write']) : []);
  for (const { with: options } of steps(job, 'checkout')) expect(options?.['persist-credentials']).toBe(false);
});

test('all systems and the oldest Node run .ci/run', () => {
  const { check } = workflow('ci.yml').jobs;
  const { include } = check!.strategy!.matrix;
  expect(new Set(include.map(({ os }) => os.split('-')[0]))).toEqual(new Set(['ubuntu', 'macos', 'windows']));
  expect(include.map(({ node }) => String(node))).toContain(OLDEST_NODE);
  expect(check!.steps.at(-1)).toEqual({ run: '.ci/run', shell: 'bash' });
});

describe('a release', () => {
  const { build, publish } = workflow('release.yml').jobs as { build: Job; publish: Job };

  test('is built and checked in a job that cannot publish', () => {
    expect(build.permissions).toEqual({ contents: 'read' });
    const commands = build.steps.flatMap(({ run = [] }) => run);
    expect(commands[0]).toBe('.ci/run');
    expect(commands[1]).toMatch(/npm pack .*--pack-destination package$/);
    expect(steps(build, 'upload-artifact')[0]!.with).toMatchObject({ name: 'package', path: 'package/*.tgz' });
    // What another workflow has put into a cache would be in the package.
    expect(steps(build, 'setup-node')[0]!.with).toMatchObject({ 'package-manager-cache': false });
  });

  test('is published by a job that runs no code of the project or its dependencies', () => {
    expect(publish.needs).toBe('build');
    expect(publish.permissions).toEqual({ 'id-token': 'write' });
    expect(publish.steps.map(({ uses }) => uses?.split('@')[0])).toEqual([
      'actions/download-artifact',
      'actions/setup-node',
      undefined,
      undefined,
    ]);
    const [check, command] = publish.steps.flatMap(({ run = [] }) => run);
    expect(check).not.toMatch(/\b(?:node|npm|npx|bash|sh|eval|source)\b/);
    expect(check).toMatch(/\$\(jq -r \.version manifest\.json\)" = "\$\{GITHUB_REF_NAME#v\}"/);
    // A path without a dot is GitHub's for npm.
    expect(command).toMatch(/^npm publish \.\/package\/\*\.tgz (?=.*--provenance)(?=.*--ignore-scripts).*$/);
  });
});

test('the site is published from main, by a job that runs no code of the project', () => {
  const { build, deploy } = workflow('site.yml').jobs as { build: Job; deploy: Job };
  expect(build.steps.flatMap(({ run = [] }) => run)).toEqual(['npm ci', 'npm run docs:build']);
  expect(steps(build, 'upload-pages-artifact')[0]!.with).toEqual({ path: '.cache/site' });
  expect(deploy).toMatchObject({ needs: 'build', if: "github.event_name == 'push'" });
  expect(deploy.steps.map(({ uses }) => uses?.split('@')[0])).toEqual(['actions/deploy-pages']);
});

test('Dependabot looks after npm and the actions', () => {
  const { updates } = parse(readFileSync('.github/dependabot.yml', 'utf8')) as {
    updates: readonly { 'package-ecosystem': string; schedule: { interval: string }; groups: object }[];
  };
  expect(updates.map(({ 'package-ecosystem': system }) => system)).toEqual(['npm', 'github-actions']);
  for (const { schedule, groups } of updates) {
    expect(schedule.interval).toBe('weekly');
    expect(Object.keys(groups).length).toBeGreaterThan(0);
  }
});
