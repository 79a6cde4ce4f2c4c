import { warmth } from '../../report/charts/index.ts';
import { plural } from '../../report/format.ts';
import { epochsPlanned } from '../state/run.ts';
import { inWords } from '../state/settings.ts';
import type { Run } from '../state/types.ts';

/** Place on the ramp from meltwater to warm where a layer begins: blue is for ice. */
const LEAST_WARM = 0.5;

/** The network as it thaws: a block a layer group, the image's side first. Ice is frozen; what learns warms up. */
export function Layers({ run }: { readonly run: Run }) {
  const { opened, stage, trained, phase } = run;
  if (!opened) return null;
  const { groups } = opened;
  const planned = epochsPlanned(run);
  const working = phase === 'training' || phase === 'paused' || phase === 'stopping';
  const learning = new Set(working ? stage?.groups : []);
  const thawed = trained.filter((epochs) => epochs > 0).length;
  const status = !working
    ? `${plural(thawed, 'layer group')} of ${groups.length} learned`
    : stage
      ? `Stage ${stage.stage} of ${stage.stages}: ${inWords(stage.train)} ${stage.train === 'head' || learning.size === 1 ? 'learns' : 'learn'}`
      : 'All layers are frozen';
  return (
    <figure class="layers">
      <figcaption>
        <strong>{status}</strong>
        <span class="key">
          <i class="frozen" /> frozen <i class="warm" /> learning
        </span>
      </figcaption>
      <ol aria-label="Layers, from the image to the answer">
        {groups.map((group, i) => {
          const lit = learning.has(group);
          const epochs = trained[i] ?? 0;
          const warm = lit || epochs > 0;
          return (
            <li
              key={group}
              class={lit ? 'lit' : warm ? 'thawed' : 'frozen'}
              style={{
                '--height': `${Math.round(100 - (45 * i) / Math.max(1, groups.length - 1))}%`,
                ...(warm && { '--warmth': warmth(LEAST_WARM + (1 - LEAST_WARM) * (planned ? epochs / planned : 1)) }),
              }}
              title={`${group}: ${lit ? 'learning' : epochs ? `learned for ${plural(epochs, 'round')}` : 'frozen'}`}
            >
              <span class="unseen">
                {group}: {lit ? 'learning' : epochs ? 'learned' : 'frozen'}
              </span>
            </li>
          );
        })}
      </ol>
      <p class="ends" aria-hidden="true">
        <span>image</span>
        <span>answer</span>
      </p>
    </figure>
  );
}
