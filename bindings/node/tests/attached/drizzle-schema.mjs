// What drizzle-kit reads: the application's tables, and none of the inbox's.

import { integer, sqliteTable } from "drizzle-orm/sqlite-core";

export const invoices = sqliteTable("invoices", { id: integer().primaryKey(), note: integer() });
