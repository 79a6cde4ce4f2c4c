import { RawImage, ViTImageProcessor } from '@huggingface/transformers';
import { describe, expect, it } from 'vitest';
import { inputOf } from '../../src/data/geometry.ts';
import {
  type Preprocessing,
  presetPreprocessing,
  readPreprocessing,
  resizedSize,
  writePreprocessing,
} from '../../src/data/index.ts';
import { decodeImage, transformersReader } from '../../src/data/node/index.ts';
import { Random } from '../../src/random.ts';
import { fromRgb, gradient, temporaryFolder } from './images.ts';

const imagenet = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
const normalize = { do_normalize: true, image_mean: imagenet.mean, image_std: imagenet.std };

describe('presets', () => {
  it('can be changed field by field', () => {
    expect(presetPreprocessing('imagenet', { size: 96, layout: undefined })).toEqual({
      ...{
        width: 96,
        height: 96,
        fit: 'crop',
        cropFraction: 0.875,
        interpolation: 'linear',
        channels: 'rgb',
        layout: 'nchw',
      },
      ...{ scale: 1 / 255, ...imagenet },
    });
  });

  it('depend on the channels', () => {
    expect(presetPreprocessing('imagenet', { channels: 'bgr' }).mean).toEqual([0.406, 0.456, 0.485]);
    expect(presetPreprocessing('imagenet', { channels: 'grey' }).mean[0]).toBeCloseTo(0.449, 6);
  });

  it.each([
    ['no-such', {}, /unknown preprocessing preset "no-such"/],
    ['imagenet', { size: 0 }, /width is 0/],
    ['imagenet', { mean: [0.5] }, /mean is \[0.5\]/],
    ['imagenet', { std: [1, 0, 1] }, /std/],
    ['imagenet', { channels: 'cmyk' as never }, /channels is "cmyk"/],
    ['raw', { cropFraction: 0.5 }, /cropFraction is 0.5 but fit is "stretch"/],
    ['raw', { fit: 'pad' as const, width: 10, height: 20 }, /fit "pad" at 10x20/],
  ])('refuses %s with %j', (preset, changes, message) => {
    expect(() => presetPreprocessing(preset, changes)).toThrow(message);
  });
});

it.each([
  ['crop', [500, 272], [470, 256]],
  ['crop', [366, 500], [256, 349]],
  ['crop', [40, 4000], [256, 25600]],
  ['pad', [500, 272], [224, 121]],
  ['pad', [1000, 2], [224, 1]],
  ['stretch', [500, 272], [224, 224]],
] as const)('%s resizes %j to %j', (fit, [width, height], [w, h]) => {
  expect(resizedSize(presetPreprocessing('imagenet', { fit }), { width, height })).toEqual({ width: w, height: h });
});

describe('preprocessor_config.json', () => {
  const geometry = (json: object) => {
    const { width, height, fit, cropFraction } = readPreprocessing({ ...normalize, ...json });
    return [width, height, fit, Number(cropFraction.toFixed(4))];
  };

  it.each([
    ['a size', { size: { height: 192, width: 256 } }, [256, 192, 'stretch', 1]],
    ['a number', { size: 224 }, [224, 224, 'stretch', 1]],
    ['a list', { size: [192, 256] }, [256, 192, 'stretch', 1]],
    [
      'shortest edge and crop',
      { size: { shortest_edge: 256 }, do_center_crop: true, crop_size: 224 },
      [224, 224, 'crop', 0.875],
    ],
    ['old CLIP', { size: 224, do_center_crop: true, crop_size: 224 }, [224, 224, 'crop', 1]],
    ['crop_pct', { size: { shortest_edge: 224 }, crop_pct: 0.875 }, [224, 224, 'crop', 0.875]],
    [
      'ConvNeXt',
      { image_processor_type: 'ConvNextImageProcessor', size: { shortest_edge: 384 }, crop_pct: 0.9 },
      [384, 384, 'stretch', 1],
    ],
    [
      'LeViT',
      {
        image_processor_type: 'LevitImageProcessor',
        size: { shortest_edge: 224 },
        do_center_crop: true,
        crop_size: 224,
      },
      [224, 224, 'crop', 0.875],
    ],
    [
      'padding',
      { size: { longest_edge: 320 }, do_pad: true, pad_size: { height: 320, width: 320 } },
      [320, 320, 'pad', 1],
    ],
  ])('%s', (_, json, expected) => {
    expect(geometry(json)).toEqual(expected);
  });

  it('takes missing values from the model', () => {
    expect(readPreprocessing(normalize, { width: 80, height: 64 })).toMatchObject({
      width: 80,
      height: 64,
      fit: 'stretch',
    });
  });

  it('reads values', () => {
    const size = { size: 32, ...normalize };
    expect(readPreprocessing({ ...size, do_rescale: false }).scale).toBe(1);
    expect(readPreprocessing({ ...size, rescale_factor: 0.5 }).scale).toBe(0.5);
    expect(readPreprocessing({ ...size, do_normalize: false })).toMatchObject({
      mean: [0, 0, 0],
      std: [1, 1, 1],
    });
    expect(readPreprocessing({ ...size, do_flip_channel_order: true })).toMatchObject({
      channels: 'bgr',
      mean: [0.406, 0.456, 0.485],
    });
    expect(readPreprocessing({ ...size, image_mean: 0.5 }).mean).toEqual([0.5, 0.5, 0.5]);
    expect([0, 1, 2, 3].map((resample) => readPreprocessing({ ...size, resample }).interpolation)).toEqual([
      'nearest',
      'lanczos3',
      'linear',
      'cubic',
    ]);
  });

  it.each([
    ['[]', [], /not a JSON object/],
    ['no size', normalize, /has no size/],
    ['a word for a size', { size: 'large', ...normalize }, /size is "large"/],
    ['a negative size', { size: { height: -1, width: 224 }, ...normalize }, /size.height is -1/],
    ['a word for a flag', { size: 224, do_normalize: 'yes' }, /do_normalize is "yes"/],
    ['no mean', { size: 224, do_normalize: true }, /image_mean is undefined/],
    ['two means', { size: 224, ...normalize, image_mean: [1, 2] }, /image_mean is \[1,2\]/],
    ['an unknown filter', { size: 224, ...normalize, resample: 9 }, /resample is 9/],
    ['a rescale factor of 0', { size: 224, ...normalize, rescale_factor: 0 }, /rescale_factor is 0/],
    ['no fixed size', { size: { shortest_edge: 224 }, ...normalize }, /images have different sizes/],
    [
      'a crop larger than the image',
      { size: { shortest_edge: 200 }, do_center_crop: true, crop_size: 224, ...normalize },
      /crops 224x224/,
    ],
    [
      'a crop after stretching',
      { size: { height: 256, width: 256 }, do_center_crop: true, crop_size: 224, ...normalize },
      /stretches/,
    ],
  ])('refuses %s', (_, json, message) => {
    expect(() => readPreprocessing(json)).toThrow(message);
  });

  const variants: Preprocessing[] = [
    presetPreprocessing('imagenet'),
    presetPreprocessing('clip', { size: 64 }),
    presetPreprocessing('raw', { width: 48, height: 32, layout: 'nhwc' }),
    presetPreprocessing('imagenet', { size: 56, channels: 'bgr' }),
    presetPreprocessing('imagenet', { fit: 'pad', size: 64 }),
    presetPreprocessing('unit', { channels: 'grey', interpolation: 'lanczos3' }),
  ];
  it.each(variants)('can be written and read back: %j', (p) => {
    expect(readPreprocessing(JSON.parse(JSON.stringify(writePreprocessing(p))))).toEqual(p);
  });

  /**
   * transformers.js resizes with sharp's `affine`, which uses the nearest pixels when shrinking; ours averages. On a gradient, both are
   * nearly the same: within 1.5 of 255 on average, and 9 at the border.
   */
  it.each(variants.filter(({ channels, layout }) => channels !== 'grey' && layout === 'nchw'))(
    'gives the same input in transformers.js: %j',
    async (p) => {
      const file = `${temporaryFolder()}/gradient.png`;
      await fromRgb(gradient(320, 240), 320, 240).png().toFile(file);
      const ours = await decodeImage(file, p);
      const theirs = (await new ViTImageProcessor(writePreprocessing(p))([await RawImage.read(file)])).pixel_values;
      expect(theirs.dims).toEqual(ours.shape);
      const values = theirs.data as Float32Array;
      const step = p.scale / Math.min(...p.std);
      const errors = ours.data.map((value, i) => Math.abs(value - values[i]) / step);
      expect(errors.reduce((a, b) => Math.max(a, b))).toBeLessThan(9);
      expect(errors.reduce((a, b) => a + b) / errors.length).toBeLessThan(1.5);
    },
  );

  describe('an image with fine detail', () => {
    const cases = (['linear', 'cubic', 'lanczos3'] as const).flatMap((interpolation) => [
      presetPreprocessing('imagenet', { size: 64, interpolation }),
      presetPreprocessing('vit', { size: 64, interpolation }),
    ]);
    /** The image, and what transformers.js makes of it. */
    async function inTransformers(p: Preprocessing) {
      const file = `${temporaryFolder()}/noise.png`;
      const random = new Random(0, 'noise');
      const noise = Uint8Array.from({ length: 320 * 240 * 3 }, () => random.below(256));
      await fromRgb(noise, 320, 240).png().toFile(file);
      const processor = new ViTImageProcessor(writePreprocessing(p));
      const { pixel_values } = await processor([await RawImage.read(file)]);
      return { file, theirs: pixel_values.data as Float32Array };
    }
    const furthest = (a: Float32Array, b: Float32Array) =>
      a.reduce((most, v, i) => Math.max(most, Math.abs(v - b[i])), 0);

    it.each(cases)('is read by transformersReader as by transformers.js: %j', async (p) => {
      const { file, theirs } = await inTransformers(p);
      const { data } = inputOf(await transformersReader().decode(file, p, false), p);
      expect(furthest(data, theirs)).toBeLessThan(1e-5);
    });

    it.each(cases)('is the same in transformers.js only with Lanczos: %j', async (p) => {
      const { file, theirs } = await inTransformers(p);
      const distance = furthest((await decodeImage(file, p)).data, theirs);
      if (p.interpolation === 'lanczos3') expect(distance).toBeLessThan(1e-5);
      else expect(distance).toBeGreaterThan(0.5);
    });
  });

  it('a side cropped from a longer one', () => {
    const crop = { do_center_crop: true, crop_size: { height: 224, width: 224 } };
    const config = { do_resize: true, size: { shortest_edge: 256 }, resample: 2, ...crop };
    expect(readPreprocessing(config)).toMatchObject({
      width: 224,
      fit: 'crop',
      cropFraction: 0.875,
      interpolation: 'linear',
    });
  });
});
