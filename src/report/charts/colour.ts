/** Colours from ice to warm, for layers that have trained for longer and longer. */
const RAMP = [
  [0x3c, 0x9f, 0xd0],
  [0x86, 0xc5, 0xd6],
  [0xf3, 0xd6, 0xa2],
  [0xf2, 0xa1, 0x58],
  [0xdf, 0x62, 0x32],
] as const;

/** `#rrggbb` at `position`, from 0 (just thawed) to 1 (warm). */
export function warmth(position: number): string {
  const at = Math.min(1, Math.max(0, position)) * (RAMP.length - 1);
  const from = Math.min(Math.floor(at), RAMP.length - 2);
  const channels = RAMP[from].map((low, i) => Math.round(low + (at - from) * (RAMP[from + 1][i] - low)));
  return `#${channels.map((channel) => channel.toString(16).padStart(2, '0')).join('')}`;
}

/** The colour of stage `stage` of `stages`, counted from 1. */
export const stageColour = (stage: number, stages: number): string =>
  warmth(stages > 1 ? (stage - 1) / (stages - 1) : 1);
