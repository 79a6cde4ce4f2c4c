interface ClassSearchProps {
  readonly label: string;
  readonly query: { value: string };
  readonly onSearch?: () => void;
}

/** A search by the names of classes. */
export function ClassSearch({ label, query, onSearch }: ClassSearchProps) {
  return (
    <input
      type="search"
      placeholder="Find a class"
      aria-label={label}
      value={query.value}
      onInput={({ currentTarget }) => {
        query.value = currentTarget.value;
        onSearch?.();
      }}
    />
  );
}

/** Whether a class has the name that is searched. */
export const isFound = (name: string, query: string): boolean =>
  name.toLowerCase().includes(query.trim().toLowerCase());
