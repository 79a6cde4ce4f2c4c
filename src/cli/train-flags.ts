import { LOSSES } from '../compiler/losses/index.ts';
import { OPTIMIZERS } from '../compiler/optimizers/index.ts';
import { poolings } from '../compiler/surgery/index.ts';
import { augmentationPolicies } from '../data/index.ts';
import { knownClasses } from '../session/known-classes.ts';
import { taskNames } from '../tasks/index.ts';
import { SCHEDULE_NAMES } from '../training/index.ts';
import { flagsOf } from './flags.ts';
import { DEVICE_FLAG, IMAGE_FLAGS, OUTPUT_FLAG, QUANTIZED_FLAG, TEXT_FLAGS, underHeading } from './shared-flags.ts';

const PREPROCESSING = 'Preprocessing (where the model does not say it)';

/** Of what `thaw.training` in a model's `config.json` may say. */
const MODELS = ', or what the model recommends';

/** The settings of a training as flags: `thaw.config` takes the same names. */
export const TRAIN_FLAGS = flagsOf({
  ...underHeading(
    {
      preset: {
        kind: 'one',
        of: ['gradual', 'head-only', 'full', 'fastai', 'lp-ft'],
        value: 'NAME',
        does: 'gradual (the head first, then more layers), head-only, full, fastai (as its fine_tune) or lp-ft (the head, then everything at a small rate)',
        default: 'gradual',
      },
      epochs: {
        kind: 'number',
        value: 'N',
        does: 'of all stages together',
        default: '10; up to 30 with few images a class',
      },
      batch: { kind: 'number', value: 'N', does: 'images a step', default: '16' },
      lr: {
        kind: 'number',
        value: 'N',
        does: 'learning rate of the head (see thaw find-lr)',
        default: `0.002${MODELS}`,
      },
      trainable: {
        kind: 'text',
        value: 'WHAT',
        does: 'one stage that trains this, instead of a preset: head, last:N, all, a layer group, a glob or /regex/ on parameter names, or several with commas',
      },
      lora: {
        kind: 'setting',
        value: 'RANK',
        does: 'train low-rank adapters and the head, all other weights frozen; or JSON with rank, alpha, targets, dropout',
      },
      task: {
        kind: 'one',
        of: taskNames,
        value: 'NAME',
        does: `what it learns: ${taskNames.join(', ')} (see docs/tasks.md)`,
        default: 'classification',
      },
      target: {
        kind: 'number',
        value: 'N',
        does: 'stop when the validation accuracy (0 to 1), or what the task has instead, reaches this',
      },
      patience: { kind: 'number', value: 'N', does: 'end a stage after so many epochs without a better one' },
      seed: { kind: 'number', value: 'N', does: 'the same seed gives the same model', default: '0' },
    },
    'Training',
  ),
  ...underHeading(
    {
      thaw: { kind: 'names', value: 'A,B,C', does: 'what each stage of gradual adds' },
      'thaw-by': { kind: 'number', value: 'N', does: 'layer groups that each stage of gradual adds' },
      'thaw-most': { kind: 'number', value: 'N', does: 'layer groups that gradual trains in the end' },
      'thaw-warmup': {
        kind: 'number',
        value: 'N',
        does: 'epochs in which the rate of what a later stage thaws rises to its own',
        default: '0',
      },
      'batch-norm': {
        kind: 'one',
        of: ['frozen', 'training'],
        value: 'HOW',
        does: "frozen normalizes with the model's statistics, training with the batch's",
        default: 'frozen',
      },
      recompute: {
        kind: 'switch',
        does: 'compute activations again for the gradients instead of keeping them: less memory, the same numbers',
      },
    },
    'What trains, and when',
  ),
  ...underHeading(
    {
      'pretrained-rate': {
        kind: 'number',
        value: 'N',
        does: 'factor on the rate for parameters that come pretrained',
        default: `0.1${MODELS}`,
      },
      'layer-decay': {
        kind: 'number',
        value: 'N',
        does: 'factor on the rate from each layer group to the one before it, the head being the last',
        default: `1${MODELS}`,
      },
      schedule: {
        kind: 'setting',
        value: 'NAME',
        does: `over each stage: ${SCHEDULE_NAMES.join(', ')}, or JSON`,
        default: 'cosine',
      },
      warmup: { kind: 'number', value: 'N', does: "part of a stage's steps in which the rate rises", default: '0.1' },
      optimizer: { kind: 'setting', value: 'NAME', does: Object.keys(OPTIMIZERS).join(', '), default: 'adamw' },
      momentum: { kind: 'number', value: 'N', does: 'of sgd, rmsprop and muon', default: '0.9, 0 and 0.95' },
      'weight-decay': {
        kind: 'number',
        value: 'N',
        does: 'none on biases',
        default: '0.01 for adamw and lamb, 0.1 for muon, else 0',
      },
      amsgrad: {
        kind: 'switch',
        does: 'of adam and adamw: divide by the greatest mean square of the gradients so far (AMSGrad)',
      },
      clip: {
        kind: 'setting',
        value: 'N',
        does: 'greatest norm of the gradients, or JSON: {"value": 0.5}, {"adaptive": 0.01}',
      },
      accumulate: {
        kind: 'number',
        value: 'N',
        does: 'batches that make one update, as a batch N times as large would',
        default: '1',
      },
      'steps-per-run': {
        kind: 'number',
        value: 'N',
        does: 'steps that go into one run of ONNX Runtime, where that saves transfers to the device',
        default: '8 on cuda, else 1',
      },
      rollbacks: {
        kind: 'setting',
        value: 'N',
        does: "how often at most a loss that is no number, or explodes, sends the training back to its epoch's start with half the rate; or JSON with most, factor",
        default: '3',
      },
      ema: {
        kind: 'setting',
        value: 'DECAY',
        does: 'evaluate and ship a moving average of the weights, such as 0.99, or JSON',
      },
    },
    'Learning rate and optimizer',
  ),
  ...underHeading(
    {
      loss: {
        kind: 'setting',
        value: 'NAME',
        does: `${Object.keys(LOSSES).join(', ')}; without it the task's first`,
        default: 'cross-entropy',
      },
      'label-smoothing': {
        kind: 'number',
        value: 'N',
        does: 'part of the target spread over all classes',
        default: '0.1',
      },
      'class-weights': {
        kind: 'setting',
        value: 'HOW',
        does: 'weights of the classes in the loss: balanced (the rarer the heavier), or JSON by class',
      },
      l1: { kind: 'number', value: 'N', does: 'λ of λ·Σ|w| in the loss', default: '0' },
      l2: { kind: 'number', value: 'N', does: 'λ of λ·Σw² in the loss', default: '0' },
      l2sp: {
        kind: 'setting',
        value: 'N',
        does: 'α of α/2·Σ(w − w⁰)² in the loss, the distance from the pretrained weights; or JSON with alpha, and beta of β/2·Σw² for the head',
      },
      dropout: {
        kind: 'setting',
        value: 'N',
        does: 'part of what the head reads that is dropped; or JSON with rates by layer group, value or node',
        default: '0',
      },
      'stochastic-depth': {
        kind: 'number',
        value: 'N',
        does: 'probability with which the last residual branch is left out for an image, rising to it from the first',
        default: '0',
      },
      distill: {
        kind: 'setting',
        value: 'N',
        does: "stay near the pretrained model: weight of the squared distance of what the head reads; or JSON with of ('features', 'scores'), weight, temperature",
      },
    },
    'Loss and regularization',
  ),
  ...underHeading(
    {
      augment: {
        kind: 'setting',
        value: 'NAME',
        does: `random changes to training images: ${Object.keys(augmentationPolicies).join(', ')}, or JSON`,
        default: `light${MODELS}`,
      },
      mixup: {
        kind: 'number',
        value: 'N',
        does: 'blend images and labels of a batch two by two; α of the Beta distribution, 0.2 say',
        default: '0, never',
      },
      cutmix: {
        kind: 'number',
        value: 'N',
        does: 'put a rectangle of one image into another, labels by area; α, 1 say',
        default: '0, never',
      },
      'mix-probability': {
        kind: 'number',
        value: 'N',
        does: 'part of the batches that these two change',
        default: '1',
      },
      views: {
        kind: 'number',
        value: 'N',
        does: 'augmented views of each image that a stage shows in turn, while part of the network is frozen; 0: a new one every epoch',
        default: `3${MODELS}`,
      },
    },
    'Augmentation',
  ),
  ...underHeading(
    {
      labels: {
        kind: 'names',
        value: 'A,B,C',
        does: 'order of the classes, or a file with one a line',
        default: 'by name',
      },
      'val-fraction': {
        kind: 'number',
        value: 'N',
        does: 'part of each class that is held out, where the data has no val',
        default: '0.2',
      },
      sampling: {
        kind: 'one',
        of: ['shuffle', 'balanced'],
        value: 'HOW',
        does: 'shuffle shows each image once an epoch, balanced as many of every class',
        default: 'shuffle',
      },
      strict: { kind: 'switch', does: 'stop at files that are no images instead of leaving them out' },
      verify: {
        kind: 'one',
        of: ['quick', 'full'],
        value: 'HOW',
        does: 'quick, or full, which decodes every image first',
        default: 'quick',
      },
    },
    'Data',
  ),
  ...underHeading(
    {
      targets: {
        kind: 'names',
        value: 'A,B,C',
        does: 'columns of numbers: what a regression learns, or labels as 0 and 1',
        default: 'all of the table but file and split; labels are read from the column labels',
      },
      threshold: {
        kind: 'setting',
        value: 'N',
        does: 'of several labels: probability from which on one is said, or tuned on the validation set',
        default: 'tuned',
      },
      'embedding-size': { kind: 'number', value: 'N', does: 'of an embedding: length of a vector', default: '128' },
      'per-class': {
        kind: 'number',
        value: 'N',
        does: 'of an embedding: images of each class in a batch',
        default: '4',
      },
    },
    'Tasks other than classification',
  ),
  ...underHeading(
    {
      head: { kind: 'text', value: 'NAME', does: "the classifier's node or weight", default: 'the last layer' },
      ...OUTPUT_FLAG,
      'keep-head': { kind: 'switch', does: "go on with the model's own classifier and labels" },
      'known-classes': {
        kind: 'one',
        of: knownClasses,
        value: 'HOW',
        does: "keep: classes that the model knows by name keep their weights in the new head; redraw: none does; auto: keep where half of its classes stay, or all of the data's are known",
        default: 'auto',
      },
      ...QUANTIZED_FLAG,
    },
    'Model',
  ),
  ...underHeading(
    {
      ...TEXT_FLAGS,
      pooling: {
        kind: 'one',
        of: poolings,
        value: 'HOW',
        does: "a text's vector, where the model has no classifier: pooler (the model's own), cls (of the first token), mean (over all tokens); auto takes pooler where there is one, else mean",
        default: 'auto',
      },
    },
    'Texts',
  ),
  ...underHeading(IMAGE_FLAGS, PREPROCESSING),
  ...underHeading(
    {
      ...DEVICE_FLAG,
      cache: {
        kind: 'one',
        of: ['memory', 'disk', 'off'],
        value: 'WHERE',
        does: 'keep what the frozen layers make of images in memory, on disk (later runs use it too), or off',
        default: 'memory',
      },
      'cache-memory': {
        kind: 'number',
        value: 'MB',
        does: 'for it, in memory',
        default: 'a quarter of what is free, 1024 at most',
      },
      'cache-disk': { kind: 'number', value: 'MB', does: 'for it, on disk, in THAW_CACHE', default: '4096' },
      memory: {
        kind: 'text',
        value: 'SIZE',
        does: 'that training may take (4GB); a batch that needs more goes through in parts that make the same update. off: never in parts',
        default: 'auto: what is there',
      },
      artifacts: {
        kind: 'switch',
        does: "write each stage's graphs into the run (--no-artifacts: do not)",
        default: 'on',
      },
      'save-every': {
        kind: 'number',
        value: 'MINUTES',
        does: 'save a long epoch in its midst: what a kill can cost (0: after every step)',
        default: '5',
      },
    },
    'Run',
  ),
});
