/** Where the bytes of media lie: the files of a run, or of a version that a table was logged as. */
import { createContext, useContext } from "react";
import { api } from "../api/client";

export interface Files {
  /** Distinguishes their owner in caches. */
  owner: string;
  url: (path: string) => string;
}

export const runFiles = (run: string): Files => ({ owner: `run ${run}`, url: (path) => api.runFile(run, path) });

export const versionFiles = (project: string, name: string, ref: string): Files => ({
  owner: `version ${project} ${name} ${ref}`,
  url: (path) => api.versionFile(project, name, ref, path),
});

const FilesContext = createContext<Files>({ owner: "", url: (path) => path });

export const FilesOf = FilesContext.Provider;
export const useFiles = () => useContext(FilesContext);
