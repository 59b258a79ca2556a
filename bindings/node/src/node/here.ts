/** Where this package lies, for `require`: this file in CommonJS; the build writes its ESM twin with import.meta.url. */
export const here: string | undefined = typeof __filename === "string" ? __filename : undefined;
