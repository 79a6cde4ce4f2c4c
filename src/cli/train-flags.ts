import { LOSSES } from '../compiler/losses/index.ts';
import { OPTIMIZERS } from '../compiler/optimizers/index.ts';
import { poolings } from '../compiler/surgery/index.ts';
import { augmentationPolicies } from '../data/index.ts';
import { knownClasses } from '../session/known-classes.ts';
import { taskNames } from '../tasks/index.ts';
import { SCHEDULE_NAMES } from '../training/index.ts';
import { flagsOf } from './flags.ts';
import { DEVICE_FLAG, IMAGE_FLAGS, OUTPUT_FLAG, QUANTIZED_FLAG, TEXT_FLAGS, withHeading } from './shared-flags.ts';

const PREPROCESSING = 'Preprocessing (if the model does not define it)';

/** Suffix for settings that `thaw.training` in a model's `config.json` can recommend. */
const MODELS = ', or the recommendation of the model';

/** The settings of a training as flags. `thaw.config` takes the same names. */
export const TRAIN_FLAGS = flagsOf({
  ...withHeading(
    {
      preset: {
        kind: 'one',
        of: ['adaptive', 'gradual', 'head-only', 'full', 'fastai', 'lp-ft'],
        value: 'NAME',
        description:
          'stages: adaptive (first the head, then more layers as long as that helps), gradual (three such stages, always), head-only, full, fastai (like its fine_tune) or lp-ft (first the head, then everything with a small learning rate)',
        default: 'adaptive',
      },
      epochs: {
        kind: 'number',
        value: 'N',
        description: 'total epochs, over all stages; for adaptive, the maximum',
        default: '10; up to 30 if classes have few images; adaptive adds more as long as that helps',
      },
      batch: { kind: 'number', value: 'N', description: 'batch size', default: '16' },
      lr: {
        kind: 'number',
        value: 'N',
        description: 'learning rate of the head (see thaw find-lr)',
        default: `0.002${MODELS}`,
      },
      trainable: {
        kind: 'text',
        value: 'WHAT',
        description:
          'parameters to train in one stage, instead of a preset: head, last:N, all, a layer group, a glob or /regex/ on parameter names, or a comma-separated list',
      },
      lora: {
        kind: 'setting',
        value: 'RANK',
        description:
          'train LoRA adapters of this rank and the head, with all other weights frozen; or JSON with rank, alpha, targets, dropout',
      },
      task: {
        kind: 'one',
        of: taskNames,
        value: 'NAME',
        description: `learning task: ${taskNames.join(', ')} (see docs/tasks.md)`,
        default: 'classification',
      },
      target: {
        kind: 'number',
        value: 'N',
        description: 'stop when the validation accuracy (0 to 1), or the metric of another task, reaches this value',
      },
      'stop-when-perfect': {
        kind: 'switch',
        description:
          'stop when the validation metric is perfect and the losses no longer fall; --no-stop-when-perfect trains all planned epochs',
        default: 'on',
      },
      minutes: { kind: 'number', value: 'N', description: 'stop before an epoch that would exceed this training time' },
      patience: { kind: 'number', value: 'N', description: 'end a stage after this many epochs without improvement' },
      seed: {
        kind: 'number',
        value: 'N',
        description: 'random seed; the same seed gives the same model',
        default: '0',
      },
    },
    'Training',
  ),
  ...withHeading(
    {
      thaw: {
        kind: 'names',
        value: 'A,B,C',
        description: 'layer groups or parameters to add in each stage of gradual',
      },
      'thaw-by': { kind: 'number', value: 'N', description: 'number of layer groups to add in each stage of gradual' },
      'thaw-most': {
        kind: 'number',
        value: 'N',
        description: 'maximum number of layer groups that adaptive or gradual trains',
      },
      'thaw-warmup': {
        kind: 'number',
        value: 'N',
        description: 'warm-up of newly thawed layers, in epochs',
        default: '0',
      },
      'batch-norm': {
        kind: 'one',
        of: ['frozen', 'training'],
        value: 'HOW',
        description: 'frozen: normalize with the statistics of the model; training: with those of the batch',
        default: 'frozen',
      },
      recompute: {
        kind: 'switch',
        description: 'recompute activations in the backward pass (gradient checkpointing): less memory, same results',
      },
    },
    'Stages and layers',
  ),
  ...withHeading(
    {
      'pretrained-rate': {
        kind: 'number',
        value: 'N',
        description: 'learning-rate factor of pretrained parameters',
        default: `0.1${MODELS}; adaptive chooses 0.1 to 0.5`,
      },
      'layer-decay': {
        kind: 'number',
        value: 'N',
        description: 'learning-rate factor from each layer group to the previous one, starting at the head',
        default: `1${MODELS}`,
      },
      schedule: {
        kind: 'setting',
        value: 'NAME',
        description: `learning-rate schedule of each stage: ${SCHEDULE_NAMES.join(', ')}, or JSON`,
        default: 'cosine',
      },
      warmup: {
        kind: 'number',
        value: 'N',
        description: 'warm-up, as a fraction of the steps of a stage',
        default: '0.1',
      },
      optimizer: { kind: 'setting', value: 'NAME', description: Object.keys(OPTIMIZERS).join(', '), default: 'adamw' },
      momentum: {
        kind: 'number',
        value: 'N',
        description: 'momentum of sgd, rmsprop and muon',
        default: '0.9, 0 and 0.95',
      },
      'weight-decay': {
        kind: 'number',
        value: 'N',
        description: 'weight decay; biases have none',
        default: '0.01 for adamw and lamb, 0.1 for muon, else 0',
      },
      amsgrad: {
        kind: 'switch',
        description: 'use the AMSGrad variant of adam and adamw',
      },
      clip: {
        kind: 'setting',
        value: 'N',
        description: 'maximum norm of the gradients, or JSON: {"value": 0.5}, {"adaptive": 0.01}',
      },
      accumulate: {
        kind: 'number',
        value: 'N',
        description: 'accumulate the gradients of N batches for each update',
        default: '1',
      },
      'steps-per-run': {
        kind: 'number',
        value: 'N',
        description: 'training steps in one run of ONNX Runtime, if that saves transfers to the device',
        default: '8 on cuda, else 1',
      },
      rollbacks: {
        kind: 'setting',
        value: 'N',
        description:
          'maximum number of rollbacks: if the loss becomes NaN or explodes, training restarts the epoch with half the learning rate; or JSON with most, factor',
        default: '3',
      },
      ema: {
        kind: 'setting',
        value: 'DECAY',
        description: 'evaluate and ship a moving average of the weights with this decay, such as 0.99; or JSON',
      },
    },
    'Learning rate and optimizer',
  ),
  ...withHeading(
    {
      loss: {
        kind: 'setting',
        value: 'NAME',
        description: `${Object.keys(LOSSES).join(', ')} (the default depends on the task)`,
        default: 'cross-entropy',
      },
      'label-smoothing': {
        kind: 'number',
        value: 'N',
        description: 'fraction of the target to spread over all classes',
        default: '0.1',
      },
      'class-weights': {
        kind: 'setting',
        value: 'HOW',
        description: 'class weights in the loss: balanced (higher for rare classes), or JSON by class',
      },
      l1: { kind: 'number', value: 'N', description: 'λ of λ·Σ|w| in the loss', default: '0' },
      l2: { kind: 'number', value: 'N', description: 'λ of λ·Σw² in the loss', default: '0' },
      l2sp: {
        kind: 'setting',
        value: 'N',
        description:
          'α of α/2·Σ(w − w⁰)² in the loss, with the pretrained weights w⁰; or JSON with alpha, and with beta for β/2·Σw² of the head',
      },
      dropout: {
        kind: 'setting',
        value: 'N',
        description: 'dropout rate before the head; or JSON with rates by layer group, value or node',
        default: '0',
      },
      'stochastic-depth': {
        kind: 'number',
        value: 'N',
        description:
          'probability of skipping the last residual branch for an image; it grows linearly from the first branch',
        default: '0',
      },
      distill: {
        kind: 'setting',
        value: 'N',
        description:
          "stay near the pretrained model: weight of the squared distance between the features of both; or JSON with of ('features', 'scores'), weight, temperature",
      },
    },
    'Loss and regularization',
  ),
  ...withHeading(
    {
      augment: {
        kind: 'setting',
        value: 'NAME',
        description: `random changes to training images: ${Object.keys(augmentationPolicies).join(', ')}, or JSON`,
        default: `light${MODELS}`,
      },
      mixup: {
        kind: 'number',
        value: 'N',
        description: 'blend pairs of images and their labels; α of the Beta distribution, such as 0.2',
        default: '0 (off)',
      },
      cutmix: {
        kind: 'number',
        value: 'N',
        description: 'paste a rectangle of one image into another, with labels by area; α, such as 1',
        default: '0 (off)',
      },
      'mix-probability': {
        kind: 'number',
        value: 'N',
        description: 'fraction of batches with mixup or cutmix',
        default: '1',
      },
      views: {
        kind: 'setting',
        value: 'N',
        description:
          'number of augmented views of each image that a stage reuses while layers are frozen; 0: a new view every epoch; auto: three, and fewer new ones as soon as there are few validation errors',
        default: `auto${MODELS}`,
      },
    },
    'Augmentation',
  ),
  ...withHeading(
    {
      labels: {
        kind: 'names',
        value: 'A,B,C',
        description: 'classes in their order, or a file with one per line',
        default: 'sorted by name',
      },
      'val-fraction': {
        kind: 'number',
        value: 'N',
        description: 'fraction of each class to hold out for validation, if the data has no val',
        default: '0.2',
      },
      sampling: {
        kind: 'one',
        of: ['shuffle', 'balanced'],
        value: 'HOW',
        description: 'shuffle: each image once per epoch; balanced: equally many images of every class',
        default: 'shuffle',
      },
      unknown: {
        kind: 'text',
        value: 'DIR',
        description: 'examples of none of the classes, to measure how many are recognised',
        default: 'the folder _unknown of the data',
      },
      strict: { kind: 'switch', description: 'stop at files that are not images instead of skipping them' },
      verify: {
        kind: 'one',
        of: ['quick', 'full'],
        value: 'HOW',
        description: 'check images before training: quick, or full (decode every image)',
        default: 'quick',
      },
    },
    'Data',
  ),
  ...withHeading(
    {
      targets: {
        kind: 'names',
        value: 'A,B,C',
        description: 'numeric columns to learn: values of a regression, or labels as 0 and 1',
        default: 'all columns except file and split; labels come from the column labels',
      },
      threshold: {
        kind: 'setting',
        value: 'N',
        description: 'for multi-label: minimum probability of a predicted label, or tuned on the validation set',
        default: 'tuned',
      },
      'embedding-size': {
        kind: 'number',
        value: 'N',
        description: 'for embedding: length of a vector',
        default: '128',
      },
      'per-class': {
        kind: 'number',
        value: 'N',
        description: 'for embedding: images of each class in a batch',
        default: '4',
      },
    },
    'Tasks other than classification',
  ),
  ...withHeading(
    {
      head: { kind: 'text', value: 'NAME', description: 'node or weight of the classifier', default: 'the last layer' },
      ...OUTPUT_FLAG,
      'keep-head': { kind: 'switch', description: "keep training the model's own classifier, with its labels" },
      'known-classes': {
        kind: 'one',
        of: knownClasses,
        value: 'HOW',
        description:
          "keep: copy the weights of classes that the model knows by name into the new head; redraw: initialize all classes; auto: keep if half of the model's classes stay, or if it knows all classes of the data",
        default: 'auto',
      },
      ...QUANTIZED_FLAG,
    },
    'Model',
  ),
  ...withHeading(
    {
      ...TEXT_FLAGS,
      pooling: {
        kind: 'one',
        of: poolings,
        value: 'HOW',
        description:
          'vector of a text if the model has no classifier: pooler (of the model), cls (first token), mean (all tokens); auto: pooler if the model has one, else mean',
        default: 'auto',
      },
    },
    'Texts',
  ),
  ...withHeading(IMAGE_FLAGS, PREPROCESSING),
  ...withHeading(
    {
      ...DEVICE_FLAG,
      threads: {
        kind: 'number',
        value: 'N',
        description: 'threads of ONNX Runtime',
        default: 'one per physical core; with 8 or more cores, the fastest number, measured at the start',
      },
      cache: {
        kind: 'one',
        of: ['memory', 'disk', 'off'],
        value: 'WHERE',
        description: 'cache the features of frozen layers in memory, on disk (also for later runs), or off',
        default: 'memory',
      },
      'cache-memory': {
        kind: 'number',
        value: 'MB',
        description: 'size of the cache in memory',
        default: 'a quarter of the free memory, at most 1024',
      },
      'cache-disk': {
        kind: 'number',
        value: 'MB',
        description: 'size of the cache on disk, in THAW_CACHE',
        default: '4096',
      },
      memory: {
        kind: 'text',
        value: 'SIZE',
        description:
          'memory limit of training, such as 4GB; Thaw splits a batch that needs more, with the same update, or stops before training; off: does neither',
        default: 'auto: the available memory',
      },
      artifacts: {
        kind: 'switch',
        description: 'write the graphs of each stage into the run (turn off with --no-artifacts)',
        default: 'on',
      },
      'save-every': {
        kind: 'number',
        value: 'MINUTES',
        description: 'interval of checkpoints within a long epoch (0: after every step)',
        default: '5',
      },
    },
    'Run',
  ),
});
