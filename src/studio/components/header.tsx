import { useSignal } from '@preact/signals';
import { useStudio } from '../context.ts';
import { Brand } from './brand.tsx';
import { Icon } from './icon.tsx';
import { ProjectsDialog } from './projects-dialog.tsx';

/** @param notice something about this visit that is good to know */
export function Header({ notice }: { readonly notice: string | undefined }) {
  const { projects, board } = useStudio();
  const open = useSignal(false);
  const { name } = projects.current.value;
  return (
    <>
      <header class="top">
        <a class="skip" href="#images">
          Skip to the images
        </a>
        <div class="title">
          <Brand />
          <h1>
            Thaw <span>studio</span>
          </h1>
          <button
            type="button"
            class="quiet project"
            aria-label={`Projects. This is ${name}`}
            onClick={() => {
              open.value = true;
            }}
          >
            <Icon name="folder" />
            <span>{name.trim() || 'Without a name'}</span>
          </button>
        </div>
        <p class="promise">
          Teach your computer to tell images apart. Your images stay on this device.
          {notice && <span class="note">{notice}</span>}
        </p>
      </header>
      {open.value && (
        <ProjectsDialog
          onClose={() => {
            open.value = false;
            board.clear('projects');
          }}
        />
      )}
    </>
  );
}
