import { useEffect, type ReactNode } from 'react';
import { Bell } from '../parts/bell';

// Frame is what surrounds every page but the room.
export function Frame({ title, children }: { title: string; children: ReactNode }) {
  useEffect(() => {
    document.title = title === 'Carillon' ? title : `${title} – Carillon`;
  }, [title]);
  return (
    <div className="frame">
      <header className="brand"><Bell /><span>Carillon</span></header>
      <main>{children}</main>
      <footer>
        <span>Carillon is not affiliated with Amazon.</span>
        <a href="/notices.txt">Third-party notices</a>
      </footer>
    </div>
  );
}
