import { useStudio } from '../context.ts';
import { progress } from '../state/run.ts';

/** The way through the page, at the bottom of a small screen. */
export function Steps() {
  const { teaching, collection } = useStudio();
  const run = teaching.run.value;
  const busy = teaching.busy.value;
  return (
    <nav class="steps" aria-label="Steps">
      <a href="#images">Show{collection.images.value > 0 && <small>{collection.images.value}</small>}</a>
      <a href="#train" style={{ '--share': String(busy ? progress(run) : teaching.result.value ? 1 : 0) }}>
        Train{busy && <small>{Math.round(100 * progress(run))}%</small>}
      </a>
      <a href="#try">Try</a>
      {teaching.result.value && <a href="#download">Take</a>}
    </nav>
  );
}
