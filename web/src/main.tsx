import { createRoot } from 'react-dom/client';
import { App } from './app';
import './styles/base.css';
import './styles/lobby.css';

createRoot(document.getElementById('app')!).render(<App />);
