insert into a values (3, 'ok', '{sad,NULL}', 3, '(3,z)', 'x'); update a set m = null where id = 2; delete from a where id = 1;
alter table a drop column m, drop column ms, drop column p, drop column c; drop type mood; drop domain positive; drop type pair;
insert into a values (4, 'left');
create type later as enum ('x'); create table gone (id int primary key, l later, n int not null); insert into gone values (1, 'x', 2), (2, null, 3); update gone set n = 4 where id = 1; drop table gone; drop type later;
insert into a values (5, 'end');
