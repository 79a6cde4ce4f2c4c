import { describe, expect, it } from 'vitest';
import { parse as parseYaml } from 'yaml';
import type { Preprocessing } from '../../src/data/types.ts';
import { modelCard } from '../../src/report/index.ts';
import { fixture } from './fixture.ts';

const preprocessing: Preprocessing = {
  width: 224,
  height: 200,
  fit: 'crop',
  cropFraction: 0.875,
  interpolation: 'cubic',
  channels: 'rgb',
  layout: 'nchw',
  scale: 1 / 255,
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
};
const shipped = { input: 'pixel_values', output: 'logits', preprocessing };

const frontMatter = (card: string) => parseYaml(/^---\n([\s\S]*?)\n---\n/.exec(card)![1]);

/** Without slashes, so that they can be folder names. */
const NAMES = [
  ...[
    '"quoted"',
    "it's",
    'a: b',
    '- a',
    '# a',
    'a #b',
    '{a}',
    '[a]',
    '&a',
    '*a',
    '!a',
    '%a',
    '@a',
    '`a`',
    '|',
    '>',
    '?',
  ],
  ...['yes', 'no', 'on', 'null', '~', '=', '<<', '0o7', '1_000', '12:30', '2024-01-01', '.nan', '1e3', '---', '...'],
  ...[
    'a\nb',
    'a\n---\nlicense: mit',
    'a\r\nb',
    'a\tb',
    ' a ',
    'x y '.repeat(99),
    '\0\x1b[8m\x7f\x85\x9b',
    '\u2028\u2029\ufeff',
  ],
  ...['日本語', '한국어', 'e\u0301', '👩‍👩‍👧‍👦', '🇨🇭', '\u202egnp.exe'],
];

describe('modelCard', () => {
  it('starts with metadata for the Hugging Face hub', () => {
    const data = fixture();
    const tested = { ...data.after, accuracy: 0.54321 };
    const meta = frontMatter(modelCard({ ...data, test: tested }, shipped));
    expect(meta).toMatchObject({
      license: 'unknown',
      library_name: 'transformers.js',
      pipeline_tag: 'image-classification',
      tags: ['onnx', 'thaw', 'image-classification'],
    });
    expect(meta).not.toHaveProperty('base_model');
    const { accuracy, f1, macro, matthews, rocAuc, loss } = data.after;
    const measured = { accuracy, f1, precision: macro.precision, recall: macro.recall, matthews_correlation: matthews };
    const [validation, test] = meta['model-index'][0].results;
    expect(validation).toMatchObject({ task: { type: 'image-classification' }, dataset: { split: 'validation' } });
    expect(test).toMatchObject({
      dataset: { ...validation.dataset, split: 'test' },
      metrics: expect.arrayContaining([{ type: 'accuracy', name: 'Accuracy', value: 0.5432, verified: false }]),
    });
    const { metrics } = validation as { metrics: { type: string; value: number }[] };
    expect(Object.fromEntries(metrics.map(({ type, value }) => [type, value]))).toEqual(
      Object.fromEntries(
        Object.entries({ ...measured, roc_auc: rocAuc!, loss }).map(([type, value]) => [
          type,
          Number(value.toFixed(4)),
        ]),
      ),
    );
  });

  it('leaves out scores that are not numbers, and a test set that is not there', () => {
    const data = fixture();
    const meta = frontMatter(modelCard({ ...data, test: null, after: { ...data.after, loss: Number.NaN } }, shipped));
    const { results } = meta['model-index'][0];
    expect(results).toHaveLength(1);
    expect(results[0].metrics.map(({ type }: { type: string }) => type)).not.toContain('loss');
    expect(results[0].metrics.map(({ type }: { type: string }) => type)).toContain('accuracy');
  });

  it.each([
    ['hf:owner/name', 'hf:owner/name'],
    ['https://user:secret@example.org/a/model.onnx?token=secret', 'https://example.org/a/model.onnx'],
    ['/home/someone/models/net.onnx', 'EfficientNet-Lite0'],
  ])('names a public origin for %s', (source, origin) => {
    const data = fixture();
    const card = modelCard({ ...data, model: { ...data.model, source } }, shipped);
    expect(card).toContain(`Fine-tuned from \`${origin}\` (`);
    expect(card).not.toMatch(/secret|someone/);
  });

  it('names the licence and the base model if known', () => {
    const data = fixture();
    const source = 'hf:owner/a.model-1';
    const meta = frontMatter(modelCard({ ...data, model: { ...data.model, source } }, { ...shipped, license: 'mit' }));
    expect(meta).toMatchObject({ license: 'mit', base_model: 'owner/a.model-1' });
    const licenseOf = (source: string) =>
      frontMatter(modelCard({ ...data, model: { ...data.model, source } }, shipped)).license;
    expect(['default', 'hf:Xenova/resnet-50', 'hf:Xenova/mobilevit-small', 'hf:owner/other'].map(licenseOf)).toEqual([
      ...['mit', 'apache-2.0', 'other', 'unknown'],
    ]);
  });

  it.each([
    '<script>alert(1)</script>',
    'a | b\n# c',
    '---\nlicense: mit',
    '[x](javascript:y)',
    '"quoted": `code`',
    '\\| ``',
  ])('escapes %j in the title, classes, paths and stages', (poison) => {
    const data = fixture([poison, 'bee']);
    const card = modelCard(
      {
        ...data,
        title: poison,
        data: { ...data.data, path: poison },
        plan: data.plan.map((stage) => ({ ...stage, train: poison })),
      },
      shipped,
    );
    const meta = frontMatter(card);
    expect(meta.license).toBe('unknown');
    expect(meta['model-index'][0].name).toBe(poison);
    const body = card.slice(card.indexOf('\n---\n') + 5);
    expect(body).not.toMatch(/^license:|^# c/m);
    const prose = body.replace(/^```[\s\S]*?^```/gm, '').replace(/(`+)[^`][\s\S]*?\1/g, '');
    expect(prose).not.toMatch(/<script|(?<!\\)\[x/);
    const table = body.split('\n').filter((line) => line.startsWith('| '));
    expect(table.length).toBe(11 + 2 + 2);
    const columns = (line: string) => line.replace(/\\./g, '').split('|').length - 2;
    expect(table.slice(-4).map(columns)).toEqual([5, 5, 5, 5]);
  });

  it.each(['1.1', '1.2'] as const)('is valid for strict YAML %s parsers with any names', (version) => {
    const data = fixture();
    for (const name of NAMES) {
      const card = modelCard(
        { ...data, title: name, data: { ...data.data, path: name } },
        { ...shipped, license: name },
      );
      const text = /^---\n([\s\S]*?)\n---\n/.exec(card)![1];
      // PyYAML rejects these characters, or treats some of them as line breaks.
      expect(text).not.toMatch(/[^\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\u{10000}-\u{10ffff}]/u);
      const meta = parseYaml(text, { version, strict: true, uniqueKeys: true });
      expect(meta.license).toBe(name);
      expect(meta['model-index'][0].name).toBe(name);
      expect(meta['model-index'][0].results[0].dataset.name).toBe(name);
    }
  });

  it('lists confused classes, and explains calibrated probabilities', () => {
    const data = fixture();
    const card = modelCard(data, shipped);
    const [{ label, predicted, times }] = data.after.confused;
    expect(card).toContain(`Most often confused: ${label} predicted as ${predicted} (${times})`);
    expect(card).toContain(`divide the logits by ${Number(data.calibration!.temperature!.toPrecision(3))} before`);
    const none = modelCard({ ...data, calibration: { ...data.calibration!, temperature: null } }, shipped);
    expect(none).not.toContain('## Probabilities');
  });

  it('states how far the scores of transformers.js are from these', () => {
    const resizing = { samples: 16, maxDifference: 0.0639, agreement: 0.9375 };
    const smooth = { ...preprocessing, interpolation: 'lanczos3' as const };
    const card = modelCard(fixture(), { ...shipped, resizing });
    expect(card).toContain(
      "On 16 validation images, its scores differ from Thaw's by up to 0.064, and 93.8% of the answers",
    );
    expect(card).toContain('--interpolation lanczos3');
    const same = modelCard(fixture(), {
      ...shipped,
      preprocessing: smooth,
      resizing: { ...resizing, maxDifference: 0 },
    });
    expect(same).toContain('transformers.js resizes images like Thaw. On 16');
    expect(modelCard(fixture(), shipped)).not.toContain('smooth');
  });

  it('has the preprocessing of each network', () => {
    const data = fixture();
    const card = modelCard(data, shipped);
    expect(card).toContain('scale = 229 / min(image.size)\nimage = image.resize([');
    expect(card).toContain('for side in image.size], Image.Resampling.BICUBIC)');
    expect(card).toContain('image = image.crop((left, top, left + 224, top + 200))');
    expect(card).toContain('{"pixel_values": pixels.transpose(2, 0, 1)[None]}');
    const padded = modelCard(data, {
      ...shipped,
      preprocessing: { ...preprocessing, fit: 'pad', channels: 'bgr', layout: 'nhwc', scale: 1, mean: [1, 2, 3] },
    });
    expect(padded).toContain('scale = 224 / max(image.size)');
    expect(padded).toContain('padded = Image.new(image.mode, (224, 200), (3, 2, 1))\npadded.paste(image)');
    expect(padded).toContain('[..., ::-1]');
    expect(padded).toContain('pixels[None]');
    const grey = modelCard(data, {
      ...shipped,
      preprocessing: { ...preprocessing, fit: 'stretch', channels: 'grey', mean: [0.5], std: [0.5] },
    });
    expect(grey).toContain("convert('L')");
    expect(grey).toContain('[..., None]');
  });
});
