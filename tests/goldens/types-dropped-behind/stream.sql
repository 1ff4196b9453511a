insert into a values (2, 'ok', '{ok}', 2, '(2,y)', 'before');
