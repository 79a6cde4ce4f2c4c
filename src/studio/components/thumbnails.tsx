import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { useStudio } from '../context.ts';
import { releaseUrl, urlOf } from '../files/pictures.ts';
import type { StudioClass } from '../state/types.ts';
import { Icon } from './icon.tsx';

/** Pictures that are shown before one asks for all. */
const SHOWN = 17;

/** A class's pictures, each with a button that takes it away. */
export function Thumbnails({ entry }: { readonly entry: StudioClass }) {
  const studio = useStudio();
  const all = useSignal(false);
  const list = useRef<HTMLUListElement>(null);
  const { pictures, name } = entry;
  const unreadable = studio.teaching.unreadable.value;
  const shown = all.value || pictures.length <= SHOWN + 1 ? pictures : pictures.slice(0, SHOWN);
  if (!pictures.length) return null;

  const remove = (index: number) => {
    const { id, blob } = pictures[index];
    studio.removePicture(entry.id, id);
    releaseUrl(blob);
    // The focus stays in the list: on the picture that takes the place.
    requestAnimationFrame(() => {
      const buttons = list.current?.querySelectorAll('button');
      buttons?.[Math.min(index, buttons.length - 1)]?.focus();
    });
  };
  return (
    <ul class="thumbnails" ref={list} aria-label={`Pictures of ${name}`}>
      {shown.map(({ id, blob }, i) => (
        <li key={id} class={unreadable.has(id) ? 'unreadable' : ''}>
          <img src={urlOf(blob)} alt="" loading="lazy" decoding="async" draggable={false} />
          <button
            type="button"
            aria-label={`Remove picture ${i + 1} of ${name}${unreadable.has(id) ? ', which cannot be read' : ''}`}
            title={unreadable.has(id) ? 'This picture cannot be read. Remove it' : 'Remove'}
            onClick={() => remove(i)}
          >
            <Icon name={unreadable.has(id) ? 'warning' : 'close'} />
          </button>
        </li>
      ))}
      {shown.length < pictures.length && (
        <li>
          <button
            type="button"
            class="more"
            aria-label={`Show all ${pictures.length} pictures of ${name}`}
            onClick={() => {
              all.value = true;
            }}
          >
            +{pictures.length - shown.length}
          </button>
        </li>
      )}
    </ul>
  );
}
