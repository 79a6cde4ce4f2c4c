import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { useStudio } from '../context.ts';
import { releaseUrl, urlOf } from '../files/images.ts';
import type { StudioClass } from '../state/types.ts';
import { focusSoon } from './focus.ts';
import { Icon } from './icon.tsx';

/** Images that are shown before one asks for all. */
const SHOWN = 17;

/** A class's images, each with a button that takes it away. */
export function Thumbnails({ entry }: { readonly entry: StudioClass }) {
  const studio = useStudio();
  const all = useSignal(false);
  const list = useRef<HTMLUListElement>(null);
  const { images, name } = entry;
  const unreadable = studio.teaching.unreadable.value;
  const shown = all.value || images.length <= SHOWN + 1 ? images : images.slice(0, SHOWN);
  if (!images.length) return null;

  const remove = (index: number) => {
    const { id, blob } = images[index];
    studio.collection.removeImage(entry.id, id);
    releaseUrl(blob);
    // The focus stays in the list, on the image that takes the place, or in the card if that was the last one.
    const card = list.current?.closest('.class');
    focusSoon(() => {
      const buttons = list.current?.querySelectorAll('button');
      return buttons?.[Math.min(index, buttons.length - 1)] ?? card?.querySelector<HTMLElement>('.ways button');
    });
  };
  return (
    <ul class="thumbnails" ref={list} aria-label={`Images of ${name}`}>
      {shown.map(({ id, blob }, i) => (
        <li key={id} data-image={id} class={unreadable.has(id) ? 'unreadable' : ''}>
          <img src={urlOf(blob)} alt="" loading="lazy" decoding="async" draggable={false} />
          <button
            type="button"
            aria-label={`Remove image ${i + 1} of ${name}${unreadable.has(id) ? ', which cannot be read' : ''}`}
            title={unreadable.has(id) ? 'This image cannot be read. Remove it' : 'Remove'}
            onClick={() => remove(i)}
          >
            <Icon name={unreadable.has(id) ? 'warning' : 'close'} />
          </button>
        </li>
      ))}
      {shown.length < images.length && (
        <li>
          <button
            type="button"
            class="more"
            aria-label={`Show all ${images.length} images of ${name}`}
            onClick={() => {
              all.value = true;
            }}
          >
            +{images.length - shown.length}
          </button>
        </li>
      )}
    </ul>
  );
}
