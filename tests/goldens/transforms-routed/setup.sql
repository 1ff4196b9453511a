create table r (id int, k text default 'K', goes text not null, d date default '2020-01-01', n numeric(6,2), m numeric, j jsonb, x bytea, arr text[], primary key (id, k));
create table nokey (a int, b text default 'B'); alter table nokey replica identity full;
insert into r values (1, 'a', 'east', null, 1.5, 1.25, '{"a": 1}', 'x', '{a,null,"q\"t"}'), (2, 'b', 'west', '2024-02-03', null, null, null, null, null); insert into nokey values (1, null);
