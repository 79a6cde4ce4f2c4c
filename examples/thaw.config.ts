// Gradual thawing, one layer group after another, until the accuracy is good enough:
//
//     npx thaw train default ./images --config examples/thaw.config.ts
import type { Config } from 'thaw';

export default {
  preset: 'gradual',
  thawBy: 1,
  thawMost: 6,
  epochs: 24,
  patience: 2,
  target: 0.97,
  augment: { policy: 'light', fill: 'edge', rotation: { probability: 0.5, degrees: [-15, 15] } },
  optimizer: { name: 'adamw', weightDecay: 0.05 },
} satisfies Config;
