import { useStudio } from '../context.ts';
import { Brand } from './brand.tsx';

/** @param notice something about this visit that is good to know */
export function Header({ notice }: { readonly notice: string | undefined }) {
  const studio = useStudio();
  const empty = studio.images.value === 0 && studio.teaching.run.value.phase === 'idle';
  const startOver = () => {
    if (confirm('Start over? All images and what was learned are forgotten.')) void studio.startOver();
  };
  return (
    <header class="top">
      <a class="skip" href="#images">
        Skip to the images
      </a>
      <div class="title">
        <Brand />
        <h1>
          Thaw <span>studio</span>
        </h1>
        <button type="button" class="quiet" disabled={empty} onClick={startOver}>
          Start over
        </button>
      </div>
      <p class="promise">
        Teach your computer to tell images apart. Everything stays on this device.
        {notice && <span class="note">{notice}</span>}
      </p>
    </header>
  );
}
